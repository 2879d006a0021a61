"""Parameters of Florence-2 variants: accepted ones, and the errors for others."""

from typing import Any

import pytest
from pydantic import ValidationError

from workers.catalog import find
from workers.catalog.florence2.parameters import Florence2Parameters
from workers.catalog.florence2.region import as_tokens
from workers.catalog.florence2.tasks import BY_TOKEN, TASKS, Florence2Task
from workers.catalog.florence2.text import advice_for_text


def parse(model: str = "florence-2-base", **input_: Any) -> Florence2Parameters:
    parsed = find(model).parameters.model_validate({"image": "file_1", **input_})
    assert isinstance(parsed, Florence2Parameters)
    return parsed


def refused(**input_: Any) -> tuple[str, str, str]:
    """Field, type and message of the one error."""
    with pytest.raises(ValidationError) as caught:
        parse(**input_)
    (error,) = caught.value.errors()
    return str(error["loc"][0]), error["type"], error["msg"]


def needs(*tasks: Florence2Task) -> dict[str, Any]:
    """The parameters that these tasks require beside the picture."""
    text = {"text": "a red circle"} if any(task.takes_text for task in tasks) else {}
    region = {"region": [1, 2, 3, 4]} if any(task.takes_region for task in tasks) else {}
    return text | region


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_known_by_token_and_by_name(task: Florence2Task) -> None:
    given = needs(task)
    by_token, by_name = parse(task=task.token, **given), parse(task=task.name, **given)
    assert by_token == by_name
    assert by_name.tasks == (task.token,)
    assert by_name.requested_tasks == (task,)


def test_several_tasks_keep_their_order() -> None:
    parsed = parse(tasks=["ocr", "<CAPTION>", "object_detection"])
    assert parsed.tasks == ("<OCR>", "<CAPTION>", "<OD>")


@pytest.mark.parametrize(
    "input_", [{}, {"tasks": []}, {"task": None}, {"task": "ocr", "tasks": ["caption"]}]
)
def test_either_task_or_tasks_is_needed(input_: dict[str, Any]) -> None:
    assert refused(**input_)[:2] == ("task", "task_or_tasks")


def test_a_task_named_twice_is_refused_under_both_its_names() -> None:
    assert refused(tasks=["ocr", "<OCR>"])[1] == "duplicate_task"


def test_more_than_eight_tasks_are_refused() -> None:
    named, given = [task.name for task in TASKS], needs(*TASKS)
    assert len(parse(tasks=named[:8], text="a red circle").tasks) == 8
    assert refused(tasks=named[:9], **given)[:2] == ("tasks", "too_long")


@pytest.mark.parametrize("name", ["<od>", "OD", "object-detection", "<VQA>", 7, ["<OD>"]])
def test_an_unknown_task_is_refused(name: Any) -> None:
    assert refused(task=name)[:2] == ("task", "unknown_task")


def test_a_task_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    assert refused(task="object_detecton")[2].endswith("did you mean object_detection?")
    assert refused(tasks=["<CAPTIONS>"])[:1] == ("tasks",)


def test_a_text_is_needed_where_a_task_reads_one() -> None:
    field, kind, message = refused(task="open_vocabulary_detection")
    assert (field, kind) == ("text", "text_required")
    assert "<OPEN_VOCABULARY_DETECTION>" in message


def test_a_text_is_refused_where_no_task_reads_one() -> None:
    assert refused(task="ocr", text="a cat")[:2] == ("text", "text_not_taken")
    assert parse(tasks=["ocr", "caption_to_phrase_grounding"], text="a cat").text == "a cat"


@pytest.mark.parametrize(
    "tag",
    [
        "<OD>",
        "<image>",
        "</s>",
        "<s>",
        "<pad>",
        "<loc_17>",
        "<poly>",
        "</poly>",
        "<sep>",
        "<mask>",
        "</loc_3>",
        "<unk>",
        "<region_to_desciption>",
        "<CAPTION_TO_PHRASE_GROUNDING>",
        "<ncap>",
    ],
)
def test_a_text_that_holds_a_token_is_refused(tag: str) -> None:
    field, kind, message = refused(task="open_vocabulary_detection", text=f"a {tag} cat")
    assert (field, kind) == ("text", "reserved_token")
    assert tag in message


@pytest.mark.parametrize(
    "text",
    ["3 < 4 > 2", "I <3 cats", "<> a", "< s >", "x<-y", "a <b or c> d", "x<y", "a>b"],
)
def test_a_text_with_lesser_signs_is_taken_as_it_is(text: str) -> None:
    assert parse(task="caption_to_phrase_grounding", text=text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "<b>a cat</b>",
        "a <br> cat",
        "a <br/> cat",
        "</div>",
        "<loc_x>",
        "<Od>",
        "<strong>cat",
        "<h1>",
    ],
)
def test_a_text_with_markup_is_refused_for_its_own_reason(text: str) -> None:
    _, kind, message = refused(task="caption_to_phrase_grounding", text=text)
    assert kind == "markup"
    assert "command" not in message
    assert "plain text" in message


def test_several_things_to_look_for_are_joined() -> None:
    text = "a cat <and> a dog"
    assert parse(task="open_vocabulary_detection", text=text).text == text
    assert refused(task="caption_to_phrase_grounding", text=text)[1] == "reserved_token"


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001, "a\x00b", 7])
def test_a_text_that_is_none_is_refused(text: Any) -> None:
    assert refused(task="caption_to_phrase_grounding", text=text)[0] == "text"


def test_beams_and_tokens_have_the_variants_defaults_and_limits() -> None:
    large, demo = parse(task="ocr"), parse("florence-2-demo", task="ocr")
    assert (large.num_beams, large.max_new_tokens) == (3, 1023)
    assert (demo.num_beams, demo.max_new_tokens) == (1, 200)
    assert parse(task="ocr", num_beams=5).num_beams == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_beams", 0),
        ("num_beams", 6),
        ("num_beams", True),
        ("num_beams", "3"),
        ("max_new_tokens", 0),
        ("max_new_tokens", 1024),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    assert refused(task="ocr", **{field: value})[0] == field


@pytest.mark.parametrize("field", ["prompt", "regions", "images", "seed"])
def test_unknown_fields_are_refused(field: str) -> None:
    assert refused(task="ocr", **{field: "x"})[:2] == (field, "extra_forbidden")


def test_a_picture_is_needed() -> None:
    assert refused(task="ocr", image="")[0] == "image"
    with pytest.raises(ValidationError, match="image"):
        find("florence-2-base").parameters.model_validate({"task": "ocr"})


@pytest.mark.parametrize(
    "text", [["a red circle", " star "], ("a red circle", "star"), "a red circle <and> star"]
)
def test_things_to_look_for_may_be_a_list(text: Any) -> None:
    parsed = parse(task="open_vocabulary_detection", text=text)
    assert parsed.text == "a red circle <and> star"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a cat, a dog", "comma_separated"),
        (["a cat", "a dog, a bird"], "comma_separated"),
        ("a cat <and> ", "empty_class"),
        (["a cat", " "], "empty_entry"),
        (["a cat <and> a dog"], "reserved_token"),
        ([], "class_count"),
        (["x"] * 51, "class_count"),
        (["a cat", 7], "string_type"),
    ],
)
def test_things_to_look_for_that_cannot_be_found_are_refused(text: Any, kind: str) -> None:
    assert refused(task="open_vocabulary_detection", text=text)[:2] == ("text", kind)


def test_commas_are_answered_with_the_right_form() -> None:
    message = refused(task="open_vocabulary_detection", text="red circle, star,moon")[2]
    assert message.endswith('give a list: ["red circle", "star", "moon"]')


def test_a_caption_may_hold_commas() -> None:
    text = "a cat, a dog"
    assert parse(task="caption_to_phrase_grounding", text=text).text == text


def test_a_list_of_things_suits_no_caption() -> None:
    task = "caption_to_phrase_grounding"
    assert refused(task=task, text=["a cat", "a dog"])[1] == "reserved_token"


REGION = "region_to_category"


def test_a_region_is_four_numbers_from_the_upper_left_corner() -> None:
    assert parse(task=REGION, region=[1, 2.5, 3, 4]).region == (1.0, 2.5, 3.0, 4.0)


@pytest.mark.parametrize(
    "region",
    [
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [1, 2, float("nan"), 4],
        [1, 2, float("inf"), 4],
        [1, 2, 10**400, 4],
        [-1, 2, 3, 4],
        ["1", 2, 3, 4],
        [True, 2, 3, 4],
        [3, 2, 1, 4],
        [1, 4, 3, 2],
        [1, 2, 1, 4],
        "1,2,3,4",
        {"x1": 1},
    ],
)
def test_a_region_that_is_none_is_refused(region: Any) -> None:
    assert refused(task=REGION, region=region)[0] == "region"


def test_a_region_is_needed_where_a_task_reads_one_and_else_refused() -> None:
    assert refused(task=REGION)[:2] == ("region", "region_required")
    assert refused(task="ocr", region=[1, 2, 3, 4])[:2] == ("region", "region_not_taken")
    mixed = parse(tasks=["caption", REGION], region=[1, 2, 3, 4])
    assert mixed.tasks == ("<CAPTION>", "<REGION_TO_CATEGORY>")


def test_a_region_is_inside_its_picture() -> None:
    variant = find("florence-2-base")
    whole = parse(task=REGION, region=[0, 0, 320, 240])
    variant.resolve_sizes(whole, {"image": [(320, 240)]})
    for size in [(319, 240), (320, 239)]:
        with pytest.raises(ValidationError, match=f"picture, which is {size[0]} x {size[1]} pix"):
            variant.resolve_sizes(whole, {"image": [size]})


@pytest.mark.parametrize(
    ("region", "size", "tokens"),
    [
        ((0, 0, 1000, 1000), (1000, 1000), "<loc_0><loc_0><loc_999><loc_999>"),
        ((150, 60, 240, 150), (320, 240), "<loc_468><loc_250><loc_750><loc_625>"),
        ((0.4, 0.1, 0.9, 1.0), (1, 1), "<loc_400><loc_100><loc_900><loc_999>"),
        ((3, 3, 3999, 3999), (4000, 4000), "<loc_0><loc_0><loc_999><loc_999>"),
    ],
)
def test_a_region_is_told_in_thousandths(
    region: tuple[float, float, float, float], size: tuple[int, int], tokens: str
) -> None:
    assert as_tokens(region, size) == tokens


def test_artifacts_are_asked_for_by_kind() -> None:
    parsed = parse(task="<OD>", artifacts=["overlay", "coco"])
    assert parsed.artifacts == ("overlay", "coco")
    assert parse(task="<OD>").artifacts == ()


@pytest.mark.parametrize(
    ("task", "artifacts", "kind"),
    [
        ("<OD>", ["overlay", "overlay"], "duplicate_artifact"),
        ("<OD>", ["masks"], "artifact_without_task"),
        ("<CAPTION>", ["overlay"], "artifact_without_task"),
        ("<OCR>", ["coco"], "artifact_without_task"),
        ("<OD>", ["video"], "enum"),
    ],
)
def test_artifacts_that_cannot_be_made_are_refused(
    task: str, artifacts: list[str], kind: str
) -> None:
    assert refused(task=task, artifacts=artifacts)[:2] == ("artifacts", kind)


def test_masks_can_be_made_of_outlines() -> None:
    for name in ("<REFERRING_EXPRESSION_SEGMENTATION>", "<REGION_TO_SEGMENTATION>"):
        parse(task=name, artifacts=["masks"], **needs(BY_TOKEN[name]))


def test_the_advice_about_commas_is_accepted_when_it_is_followed() -> None:
    advised = advice_for_text("a cat, a dog").rpartition(": ")[2]
    assert advised == "a cat <and> a dog"
    assert parse(task="<OPEN_VOCABULARY_DETECTION>", text=advised).text == advised
    both = ["<CAPTION_TO_PHRASE_GROUNDING>", "<OPEN_VOCABULARY_DETECTION>"]
    with pytest.raises(ValidationError, match="give it alone, with a list"):
        parse(tasks=both, text="a cat, a dog")


@pytest.mark.parametrize("text", [",", "<and>", "a cat <and>"])
def test_a_text_that_names_nothing_is_no_list_to_advise(text: str) -> None:
    with pytest.raises(ValidationError, match="names nothing"):
        parse(task="<OPEN_VOCABULARY_DETECTION>", text=text)


@pytest.mark.parametrize("score", [0, 0.25, 0.5, 1, 1.0])
def test_a_least_score_is_a_share(score: float) -> None:
    assert parse(task="<OD>", min_score=score).min_score == score
    assert parse(task="<OD>").min_score is None


@pytest.mark.parametrize("score", [-0.01, 1.01, 50, float("nan"), float("inf"), "0.5", True, [0.5]])
def test_a_least_score_that_is_none_is_refused(score: Any) -> None:
    assert refused(task="<OD>", min_score=score)[0] == "min_score"


@pytest.mark.parametrize(
    "tasks", [["caption"], ["ocr", "region_to_category"], ["region_to_ocr"], ["detailed_caption"]]
)
def test_a_least_score_is_refused_where_all_answers_are_words(tasks: list[str]) -> None:
    region = {"region": [1, 2, 3, 4]} if any("region" in name for name in tasks) else {}
    field, kind, message = refused(tasks=tasks, min_score=0.5, **region)
    assert (field, kind) == ("min_score", "min_score_not_taken")
    assert "object_detection" in message
    assert parse(tasks=[*tasks, "object_detection"], min_score=0.5, **region).min_score == 0.5


def test_jobs_with_other_least_scores_share_a_call() -> None:
    variant = find("florence-2-base")
    keys = {variant.batch_key(parse(task="<OD>", min_score=each)) for each in (None, 0.2, 0.9)}
    assert len(keys) == 1
