"""The tasks of Florence-2: one row each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Florence2Task:
    """One thing Florence-2 can be asked about a picture.

    Attributes:
        token: the official task token, the key of the result.
        name: the same in plain words, accepted in its place.
        title: one line for people.
        takes_text: the task reads `text`, and cannot do without.
        joins_text: `text` may hold several entries joined by ` <and> `.
        repeats: the answer rightly repeats itself: regions with equal labels, text as it stands.
        cost: device time relative to a caption; it follows the length of the answer.
    """

    token: str
    name: str
    title: str
    takes_text: bool = False
    joins_text: bool = False
    repeats: bool = False
    cost: float = 1.0


TASKS: tuple[Florence2Task, ...] = (
    Florence2Task("<CAPTION>", "caption", "A sentence about the picture"),
    Florence2Task("<DETAILED_CAPTION>", "detailed_caption", "Some sentences", cost=2.0),
    Florence2Task(
        "<MORE_DETAILED_CAPTION>", "more_detailed_caption", "A paragraph about it", cost=4.0
    ),
    Florence2Task("<OD>", "object_detection", "Objects and their boxes", repeats=True, cost=5.0),
    Florence2Task(
        "<DENSE_REGION_CAPTION>",
        "dense_region_caption",
        "Regions and a phrase about each",
        repeats=True,
        cost=5.0,
    ),
    Florence2Task(
        "<REGION_PROPOSAL>", "region_proposal", "Boxes without labels", repeats=True, cost=4.0
    ),
    Florence2Task(
        "<CAPTION_TO_PHRASE_GROUNDING>",
        "caption_to_phrase_grounding",
        "Where each phrase of a caption is seen",
        takes_text=True,
        repeats=True,
        cost=2.0,
    ),
    Florence2Task(
        "<OPEN_VOCABULARY_DETECTION>",
        "open_vocabulary_detection",
        "Where what the text names is seen",
        takes_text=True,
        joins_text=True,
        repeats=True,
        cost=2.0,
    ),
    Florence2Task("<OCR>", "ocr", "The text in the picture", repeats=True, cost=2.0),
    Florence2Task(
        "<OCR_WITH_REGION>", "ocr_with_region", "Words and their outlines", repeats=True, cost=5.0
    ),
)

BY_TOKEN = {task.token: task for task in TASKS}
TOKENS = {task.name: task.token for task in TASKS} | {task.token: task.token for task in TASKS}
"""Plain names and tokens alike, to tokens."""
