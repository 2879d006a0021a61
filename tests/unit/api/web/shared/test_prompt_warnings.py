from api.web.shared.prompt_warnings import prompt_warnings


def test_each_cut_is_a_sentence_and_other_words_are_none() -> None:
    told = prompt_warnings({"warnings": ["prompt_cut", "negative_prompt_cut", "repetition"]})
    assert len(told) == 2
    assert "longer than the model reads" in told[0]
    assert told[1].startswith("The negative prompt")


def test_an_output_without_warnings_has_no_sentence() -> None:
    assert prompt_warnings(None) == prompt_warnings({}) == prompt_warnings({"warnings": []}) == []
