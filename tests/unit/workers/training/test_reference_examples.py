import pytest

from workers.training.flux.adherence import check
from workers.training.flux.flow_learner import OBJECT_WEIGHT, token_weights
from workers.training.flux.flux2_components import tokenizer
from workers.training.flux.flux2_learner import TEXT_LENGTH
from workers.training.scenes.palette import SCENE_COLOURS, seeded_random
from workers.training.scenes.reference_example import (
    ReferenceExample,
    training_example,
    unseen_examples,
)
from workers.training.scenes.scene import Thing, draw, is_held_out, one_object, unseen_scenes

COUNTS = [n % 3 for n in range(300)]


@pytest.fixture(scope="module")
def examples() -> list[ReferenceExample]:
    return unseen_examples(8, COUNTS)


def test_targets_of_unseen_examples_are_never_used_in_training(
    examples: list[ReferenceExample],
) -> None:
    assert [len(example.references) for example in examples] == COUNTS
    assert all(is_held_out(example.target.caption) for example in examples)
    rng = seeded_random(3)
    trained = [training_example(rng, count) for count in COUNTS]
    assert not any(is_held_out(example.target.caption) for example in trained)


def test_the_target_has_the_objects_of_its_references(examples: list[ReferenceExample]) -> None:
    for example in examples:
        if example.references:
            shown = [scene.objects[0].thing for scene in example.references]
            assert [placed.thing for placed in example.target.objects] == shown


def test_a_prompt_does_not_name_the_colours_of_its_references(
    examples: list[ReferenceExample],
) -> None:
    for example in examples:
        named = [colour for colour in SCENE_COLOURS if colour in example.prompt.split()]
        if example.references:
            assert named == [example.target.background]


def test_every_word_of_a_prompt_is_one_token_and_a_number_two(
    examples: list[ReferenceExample],
) -> None:
    words = tokenizer()
    for example in examples:
        tokens = words.tokenize(f" {example.prompt}")
        prompt_words = example.prompt.split()
        numbers = sum(word.isdigit() for word in prompt_words)
        assert len(tokens) == len(prompt_words) + numbers <= TEXT_LENGTH


def test_prompts_are_lowercased_and_padded_to_one_length() -> None:
    words = tokenizer()
    chats = [[{"role": "user", "content": text}] for text in ("A Red circle", "a red circle")]
    texts = [words.apply_chat_template(chat, tokenize=False) for chat in chats]
    assert texts[0] == texts[1] == " a red circle"
    ids = words(texts[0], padding="max_length", max_length=TEXT_LENGTH).input_ids
    assert len(ids) == TEXT_LENGTH
    assert ids[3:] == [words.pad_token_id] * (TEXT_LENGTH - 3)


def test_errors_count_more_where_an_object_is() -> None:
    scene = one_object(Thing("square", "red"), "white", place="top")
    (weights,) = token_weights([scene], 256).view(1, 8, 8)
    assert weights.mean() == pytest.approx(1)
    heavy = weights > weights.min()
    assert weights.max() / weights.min() == pytest.approx(OBJECT_WEIGHT)
    left, top, right, bottom = scene.objects[0].box(8)
    for row in range(8):
        for column in range(8):
            covered = left < column + 1 and column < right and top < row + 1 and row < bottom
            assert bool(heavy[row, column]) == covered


def test_an_oblong_scene_keeps_its_shapes_and_places() -> None:
    for scene in unseen_scenes(5, [1, 2] * 10):
        for width, height in ((352, 192), (192, 352)):
            assert check(draw(scene, width, height), scene).right
        weights = token_weights([scene], 352, 192).view(6, 11)
        assert weights.mean() == pytest.approx(1)
        left, top, right, bottom = scene.objects[0].box(11, 6)
        heavy = weights[int((top + bottom) / 2), int((left + right) / 2)]
        assert heavy == weights.max()
