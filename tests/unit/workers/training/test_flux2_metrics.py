from collections.abc import Sequence

from PIL import Image

from workers.training.flux.adherence import check
from workers.training.flux.flux2_metrics import NAMES, REFERENCE_SIDE, figures
from workers.training.scenes.lesson import Lesson, unseen_lessons
from workers.training.scenes.palette import PAINT
from workers.training.scenes.scene import draw

LESSONS, SEED = 8, 5


class Drawer:
    """Draws what the lessons want, or hands back the picture referred to, as it is."""

    def __init__(self, *, copies: bool) -> None:
        self.copies = copies
        self.lessons: list[Lesson] = [
            lesson for count in NAMES for lesson in unseen_lessons(SEED + count, [count] * LESSONS)
        ]
        self.seeds: list[int] = []

    def __call__(self, prompt: str, shown: Sequence[Image.Image], seed: int) -> Image.Image:
        lesson = self.lessons[len(self.seeds)]
        self.seeds.append(seed)
        assert (prompt, len(shown)) == (lesson.prompt, len(lesson.references))
        for picture, scene in zip(shown, lesson.references, strict=True):
            assert picture.size == (REFERENCE_SIDE, REFERENCE_SIDE)
            assert check(picture, scene).right
        return shown[0] if self.copies and shown else draw(lesson.wanted, REFERENCE_SIDE)


def test_all_is_right_and_kept_where_everything_was_drawn() -> None:
    drawer = Drawer(copies=False)
    told = figures(LESSONS, SEED, drawer)
    assert set(told.values()) == {1.0}
    assert {name.split(":")[0] for name in told} == set(NAMES.values())
    assert drawer.seeds == [*range(SEED, SEED + LESSONS)] * len(NAMES)


def test_a_copy_of_the_picture_is_not_what_was_asked_for() -> None:
    told = figures(LESSONS, SEED, Drawer(copies=True))
    assert told["words alone: right"] == 1
    assert told["one picture: right"] < 0.5
    assert told["one picture: background"] < 2 / len(PAINT)
    assert told["two pictures: colour and shape kept"] == 0
