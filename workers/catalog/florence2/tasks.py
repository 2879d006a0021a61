"""The tasks of Florence-2: one row each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Florence2Task:
    """A task that Florence-2 can do on a picture.

    Attributes:
        token: the official task token, the key of the result.
        name: the same in plain words, accepted in place of the token.
        title: one line for people.
        takes_text: the task reads `text`, and requires it.
        joins_text: `text` may hold several entries joined by ` <and> `.
        takes_region: the task reads `region`, and requires it.
        places: the answer has locations; an answer about a region has that of the region itself.
        outlines: the answer may hold outlines, from which masks can be made.
        repeats: a correct answer may repeat itself: regions with equal labels, text of a picture.
        cost: device time relative to a caption; it follows the length of the answer.
    """

    token: str
    name: str
    title: str
    takes_text: bool = False
    joins_text: bool = False
    takes_region: bool = False
    places: bool = False
    outlines: bool = False
    repeats: bool = False
    cost: float = 1.0

    @property
    def lists_instances(self) -> bool:
        """True for an answer that lists instances, of which some can be left out."""
        return self.places and (self.outlines or not self.takes_region)


_CAPTIONS = (
    Florence2Task("<CAPTION>", "caption", "A sentence about the picture"),
    Florence2Task("<DETAILED_CAPTION>", "detailed_caption", "Some sentences", cost=2.0),
    Florence2Task(
        "<MORE_DETAILED_CAPTION>", "more_detailed_caption", "A paragraph about it", cost=4.0
    ),
)

_DETECTION = (
    Florence2Task(
        "<OD>", "object_detection", "Objects and their boxes", places=True, repeats=True, cost=5.0
    ),
    Florence2Task(
        "<DENSE_REGION_CAPTION>",
        "dense_region_caption",
        "Regions and a phrase about each",
        places=True,
        repeats=True,
        cost=5.0,
    ),
    Florence2Task(
        "<REGION_PROPOSAL>",
        "region_proposal",
        "Boxes without labels",
        places=True,
        repeats=True,
        cost=4.0,
    ),
    Florence2Task(
        "<CAPTION_TO_PHRASE_GROUNDING>",
        "caption_to_phrase_grounding",
        "Where each phrase of a caption is seen",
        takes_text=True,
        places=True,
        repeats=True,
        cost=2.0,
    ),
    Florence2Task(
        "<OPEN_VOCABULARY_DETECTION>",
        "open_vocabulary_detection",
        "Where what the text names is seen",
        takes_text=True,
        joins_text=True,
        places=True,
        outlines=True,
        repeats=True,
        cost=2.0,
    ),
)

_SEGMENTATION = (
    Florence2Task(
        "<REFERRING_EXPRESSION_SEGMENTATION>",
        "referring_expression_segmentation",
        "The outline of what a phrase refers to",
        takes_text=True,
        places=True,
        outlines=True,
        repeats=True,
        cost=5.0,
    ),
    Florence2Task(
        "<REGION_TO_SEGMENTATION>",
        "region_to_segmentation",
        "The outline of what is in a region",
        takes_region=True,
        places=True,
        outlines=True,
        repeats=True,
        cost=5.0,
    ),
)

_REGIONS = (
    Florence2Task(
        "<REGION_TO_CATEGORY>",
        "region_to_category",
        "What kind of thing is in a region",
        takes_region=True,
        places=True,
        repeats=True,  # four corners in a row may be equal, and there is no sentence to protect
    ),
    Florence2Task(
        "<REGION_TO_DESCRIPTION>",
        "region_to_description",
        "A phrase about what is in a region",
        takes_region=True,
        places=True,
    ),
    Florence2Task(
        "<REGION_TO_OCR>",
        "region_to_ocr",
        "The text in a region",
        takes_region=True,
        places=True,
        repeats=True,
    ),
)

_TEXT_IN_PICTURES = (
    Florence2Task("<OCR>", "ocr", "The text in the picture", repeats=True, cost=2.0),
    Florence2Task(
        "<OCR_WITH_REGION>",
        "ocr_with_region",
        "Words and their outlines",
        places=True,
        repeats=True,
        cost=5.0,
    ),
)

TASKS: tuple[Florence2Task, ...] = (
    *_CAPTIONS,
    *_DETECTION,
    *_SEGMENTATION,
    *_REGIONS,
    *_TEXT_IN_PICTURES,
)

BY_TOKEN = {task.token: task for task in TASKS}
TOKENS = {task.name: task.token for task in TASKS} | {task.token: task.token for task in TASKS}
"""Tokens by plain name and by token."""
