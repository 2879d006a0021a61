import pytest

from workers.training.flux.adherence import check
from workers.training.flux.flow_learner import OBJECT_WEIGHT, token_weights
from workers.training.flux.flux2_components import tokenizer
from workers.training.flux.flux2_learner import TEXT_LENGTH
from workers.training.scenes.lesson import Lesson, training_lesson, unseen_lessons
from workers.training.scenes.palette import PAINT, lots
from workers.training.scenes.scene import Thing, draw, is_held_out, one_object, unseen_scenes

COUNTS = [n % 3 for n in range(300)]


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    return unseen_lessons(8, COUNTS)


def test_unseen_lessons_ask_for_what_training_never_does(lessons: list[Lesson]) -> None:
    assert [len(lesson.references) for lesson in lessons] == COUNTS
    assert all(is_held_out(lesson.wanted.caption) for lesson in lessons)
    rng = lots(3)
    trained = [training_lesson(rng, count) for count in COUNTS]
    assert not any(is_held_out(lesson.wanted.caption) for lesson in trained)


def test_what_is_wanted_is_what_its_pictures_show(lessons: list[Lesson]) -> None:
    for lesson in lessons:
        if lesson.references:
            shown = [scene.objects[0].thing for scene in lesson.references]
            assert [placed.thing for placed in lesson.wanted.objects] == shown


def test_a_prompt_keeps_the_colours_that_its_pictures_have_to_itself(
    lessons: list[Lesson],
) -> None:
    for lesson in lessons:
        named = [colour for colour in PAINT if colour in lesson.prompt.split()]
        if lesson.references:
            assert named == [lesson.wanted.background]


def test_every_word_of_a_prompt_is_one_token_and_a_number_two(lessons: list[Lesson]) -> None:
    words = tokenizer()
    for lesson in lessons:
        tokens = words.tokenize(f" {lesson.prompt}")
        words_told = lesson.prompt.split()
        numbers = sum(word.isdigit() for word in words_told)
        assert len(tokens) == len(words_told) + numbers <= TEXT_LENGTH


def test_prompts_are_read_in_any_case_and_to_one_length() -> None:
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
