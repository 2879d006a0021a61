"""Florence-2's own behaviour: tasks, coordinates, scores, ends of answers, and detections."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from prometheus_client import REGISTRY

from db.tables import Job
from tests.support.florence2 import (
    BOX,
    DEMO,
    first_result,
    loaded_demo,
    look,
    overlap,
    red_circle,
    work,
)
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.protocol import (
    InvalidInputError,
    OutOfMemoryError,
    Output,
    Stopped,
    Work,
)
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.device import Device


class Unheard:
    """A publisher that publishes nothing."""

    def publish(self, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """Publish nothing."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def demo() -> Florence2Adapter:
    return loaded_demo()


def encodings(adapter: Florence2Adapter) -> list[int]:
    """A list that grows by one each time the model encodes a picture."""
    calls: list[int] = []
    adapter._model.model.vision_tower.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_a_red_circle_is_found_where_it_is(demo: Florence2Adapter) -> None:
    value = first_result(demo, task="object_detection")["result"]["<OD>"]
    assert value["labels"] == ["circle"]
    assert overlap(value["bboxes"][0], BOX) > 0.7


def test_a_red_circle_is_told_of_in_words(demo: Florence2Adapter) -> None:
    caption = first_result(demo, task="<CAPTION>")["result"]["<CAPTION>"]
    assert caption == "A red circle on a white background."


def test_a_phrase_is_grounded_where_it_is_seen(demo: Florence2Adapter) -> None:
    grounded = first_result(demo, task="caption_to_phrase_grounding", text="a red circle")
    value = grounded["result"]["<CAPTION_TO_PHRASE_GROUNDING>"]
    assert value["labels"] == ["a red circle"]
    assert overlap(value["bboxes"][0], BOX) > 0.7


def test_the_data_has_its_documented_form(demo: Florence2Adapter) -> None:
    data = look(demo, work(tasks=["object_detection", "caption"]))[0]
    assert data["image"] == {"width": 320, "height": 240}
    detected, told = data["results"]
    assert detected["task"] == "<OD>"
    assert list(detected["result"]) == ["<OD>"]
    assert detected["finish_reason"] == told["finish_reason"] == "stop"
    assert len(detected["scores"]) == len(detected["result"]["<OD>"]["bboxes"])
    assert len(told["scores"]) == 1
    assert all(0 < score <= 1 for score in [*detected["scores"], *told["scores"]])


def test_no_padding_is_left_in_the_shorter_answer_of_a_batch(demo: Florence2Adapter) -> None:
    two = red_circle()
    ImageDraw.Draw(two).rectangle((20, 30, 100, 110), fill=(40, 160, 60))
    short, long = look(demo, work(task="caption"), work(two, task="caption"))
    texts = [data["results"][0]["result"]["<CAPTION>"] for data in (short, long)]
    assert len(texts[0]) < len(texts[1])
    assert not any("<" in text for text in texts)


def test_a_text_goes_to_the_tasks_that_take_one_alone(demo: Florence2Adapter) -> None:
    tasks = ["caption", "caption_to_phrase_grounding"]
    results = look(demo, work(tasks=tasks, text="a red circle"))[0]["results"]
    assert results[0]["result"] == first_result(demo, task="caption")["result"]
    assert results[1]["result"]["<CAPTION_TO_PHRASE_GROUNDING>"]["labels"] == ["a red circle"]


def test_a_picture_is_encoded_once_whatever_is_asked_of_it(demo: Florence2Adapter) -> None:
    calls = encodings(demo)
    fresh = red_circle((140, 140, 140))
    look(demo, work(fresh, tasks=["caption", "ocr"]), work(fresh, tasks=["caption", "ocr"]))
    look(demo, work(fresh.copy(), task="region_proposal"))
    assert len(calls) == 1


def test_an_answer_that_was_cut_off_says_so(demo: Florence2Adapter) -> None:
    told = first_result(demo, task="detailed_caption", max_new_tokens=5)
    assert told["finish_reason"] == "length"
    assert told["result"]["<DETAILED_CAPTION>"] == "The image shows a"


def test_an_answer_that_ends_at_the_very_limit_ended_by_itself(demo: Florence2Adapter) -> None:
    def ends(limit: int) -> str:
        reason: str = first_result(demo, task="caption", max_new_tokens=limit)["finish_reason"]
        return reason

    needed = next(limit for limit in range(1, 40) if ends(limit) == "stop")
    whole = first_result(demo, task="caption")
    assert ends(needed - 1) == "length"
    assert first_result(demo, task="caption", max_new_tokens=needed)["result"] == whole["result"]


def test_the_longest_answer_allowed_fits_the_decoder(demo: Florence2Adapter) -> None:
    limit = DEMO.parameters.limits.max_new_tokens_limit
    demo._model.generation_config.min_new_tokens = limit  # as if no answer ever ended
    try:
        told = first_result(demo, task="ocr", max_new_tokens=limit)
    finally:
        demo._model.generation_config.min_new_tokens = None
    assert told["finish_reason"] == "length"


def test_a_text_too_long_for_the_model_is_refused_in_words(demo: Florence2Adapter) -> None:
    too_long = work(task="caption_to_phrase_grounding", text="elephant zebra " * 40)  # rare words
    with pytest.raises(InvalidInputError, match="tokens longer than this model reads"):
        look(demo, too_long)


def test_a_stop_takes_effect_within_an_answer(demo: Florence2Adapter) -> None:
    asked = 0

    def at_the_fifth() -> bool:
        nonlocal asked
        asked += 1
        return asked == 5

    with pytest.raises(Stopped):
        demo.run([work(task="more_detailed_caption")], lambda *_: None, at_the_fifth)
    assert asked == 5


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("<CAPTION>", ""),
        ("<OCR_WITH_REGION>", ""),
        ("<OPEN_VOCABULARY_DETECTION>", "a <and> {b}"),
        ("<REFERRING_EXPRESSION_SEGMENTATION>", "the red circle"),
        ("<REGION_TO_OCR>", "<loc_468><loc_250><loc_750><loc_625>"),
    ],
)
def test_prompts_read_as_the_processor_writes_them(
    demo: Florence2Adapter, token: str, text: str
) -> None:
    picture = red_circle()
    asked = Work(DEMO.parameters.model_construct(text=text, region=BOX), {"image": [picture]})
    ours = demo._tokenize([demo._prompt(BY_TOKEN[token], asked)])["input_ids"]
    theirs = demo._processor(text=[token + text], images=[picture], return_tensors="pt")
    assert torch.equal(ours, theirs["input_ids"])


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (500, 1), (3, 400)])
def test_pictures_of_odd_sizes_are_looked_at(demo: Florence2Adapter, size: tuple[int, int]) -> None:
    data = look(demo, work(Image.new("RGB", size, (140, 140, 140)), task="object_detection"))[0]
    assert data["image"] == {"width": size[0], "height": size[1]}
    for box in data["results"][0]["result"]["<OD>"]["bboxes"]:
        assert all(0 <= x <= size[0] for x in box[0::2])
        assert all(0 <= y <= size[1] for y in box[1::2])


def test_the_job_that_does_not_fit_fails_alone_and_its_mates_do_not(
    demo: Florence2Adapter,
) -> None:
    def claimed(number: int, asked: Work) -> tuple[ActiveJob, Work]:
        job = Job(id=f"job_{number}", attempt=1, variant=DEMO.id, deadline_seconds=60)
        return ActiveJob(job), asked

    fits = work(task="caption")
    too_large = replace(fits, parameters=fits.parameters.model_copy(update={"num_beams": 10**13}))
    batch = [claimed(n, asked) for n, asked in enumerate([too_large, fits, fits])]
    outcomes, _ = Device(Unheard()).run(demo, batch)
    assert isinstance(outcomes[0], OutOfMemoryError)
    told = [outcome.data for outcome in outcomes[1:] if isinstance(outcome, Output)]
    assert told == [look(demo, fits)[0]] * 2


def test_kept_pictures_make_room_when_the_memory_runs_out(demo: Florence2Adapter) -> None:
    calls = encodings(demo)
    asked = work(red_circle((90, 90, 90)), task="caption")
    look(demo, asked)
    greedy = asked.parameters.model_copy(update={"num_beams": 10**13})
    with pytest.raises(OutOfMemoryError):
        look(demo, replace(asked, parameters=greedy))
    look(demo, asked)
    assert len(calls) == 2


def test_pictures_are_counted_by_whether_they_were_kept(demo: Florence2Adapter) -> None:
    def counted(outcome: str) -> float:
        labels = {"variant": DEMO.id, "outcome": outcome}
        return REGISTRY.get_sample_value("bottega_picture_features_total", labels) or 0

    hits, misses = counted("hit"), counted("miss")
    look(demo, *[work(red_circle((91, 92, 93)), task="caption") for _ in range(3)])
    assert (counted("hit") - hits, counted("miss") - misses) == (2, 1)


def test_a_prepared_picture_is_answered_alike_and_not_scaled_again(
    demo: Florence2Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = work(red_circle((60, 70, 80)), task="caption")
    demo._features.clear()
    prepared = demo.prepare(asked)
    plain = look(demo, asked)
    demo._features.clear()
    monkeypatch.setattr(demo._processor, "image_processor", None)
    assert look(demo, prepared) == plain


def test_a_picture_that_was_kept_when_prepared_and_forgotten_since_is_scaled_after_all(
    demo: Florence2Adapter,
) -> None:
    asked = work(red_circle((61, 70, 80)), task="caption")
    plain = look(demo, asked)
    prepared = demo.prepare(asked)
    assert prepared.prepared.pixels is None
    demo._features.clear()
    assert look(demo, prepared) == plain
