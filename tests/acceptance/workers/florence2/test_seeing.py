"""The accuracy of florence-2-demo on unseen canvases, through the whole service."""

import pytest

from deploy.evaluation.score_florence2 import ServicePredictor
from tests.acceptance.stack import Client
from workers.training.florence2.metrics import evaluate, scored_canvases

SEED = 20261126
CANVASES = 16

LEAST = {
    "detection: mean IoU": 0.85,
    "detection: recall": 0.9,
    "caption: colours and shapes": 0.75,
    "grounding: mean IoU": 0.8,
    "region to category: exact": 0.9,
    "region to segmentation: mask IoU": 0.7,
}
"""Least scores on a few canvases: a little below the model card's, which are of two hundred."""

TASKS = (
    "<OD>",
    "<CAPTION>",
    "<CAPTION_TO_PHRASE_GROUNDING>",
    "<REGION_TO_CATEGORY>",
    "<REGION_TO_SEGMENTATION>",
)


@pytest.mark.slow
def test_the_demo_model_sees_what_is_there(tenant: Client) -> None:
    found = evaluate(scored_canvases(SEED, CANVASES), ServicePredictor(tenant.http), SEED, TASKS)
    assert {name: found[name] for name in LEAST if found[name] < LEAST[name]} == {}
