"""Trains a demo Florence-2 and exports it as the stock classes load it.

python -m workers.training.train_florence2 --out runs/florence --minutes 40
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from workers.training.common.trainer import Budget, Trainer
from workers.training.common.training_options import (
    AT_LEAST_ONE,
    EXISTING_FOLDER,
    MODEL_FOLDER,
    TrainingOptions,
    run_training,
    training_options,
)
from workers.training.florence2.components import (
    Florence2Size,
    load,
    new_model,
    new_processor,
    save,
)
from workers.training.florence2.growth import grow
from workers.training.florence2.learner import Florence2Hyperparameters, Florence2Learner


@dataclass(frozen=True)
class Options(TrainingOptions):
    """The options of the command; `main` describes each."""

    minutes: float = 40.0
    grow: Path | None = None
    pictures: int = 8
    questions: int = 4
    scored: int = 24
    seed: int = 7

    @property
    def hyperparameters(self) -> Florence2Hyperparameters:
        """The hyperparameters; an exported model skips the stage that trains vision alone."""
        vision_only = 0.0 if self.start else Florence2Hyperparameters.vision_only
        return Florence2Hyperparameters(
            self.pictures, self.questions, vision_only=vision_only, scored=self.scored
        )


@click.command()
@training_options(
    Options,
    minutes="Training time; the first 28 % train vision alone.",
    start="Start from the weights and tokenizer of this exported model, and skip the stage that "
    "trains vision alone.",
)
@click.option(
    "--grow",
    type=EXISTING_FOLDER,
    help="Start a new model with the knowledge of this exported model, which has a coarser grid.",
)
@click.option("--pictures", type=AT_LEAST_ONE, default=8, show_default=True)
@click.option(
    "--questions",
    type=AT_LEAST_ONE,
    default=4,
    show_default=True,
    help="Questions about each picture, which is encoded once for all of them.",
)
@click.option(
    "--scored",
    type=AT_LEAST_ONE,
    default=24,
    show_default=True,
    help="Number of held-out canvases.",
)
def main(**values: Any) -> None:
    """Train a demo Florence-2 on drawn canvases and export it for the stock classes.

    Prints the losses every ten seconds of training. Every two minutes it prints the metrics of
    detection, captions, reading and masks on canvases that training never uses, and writes a
    checkpoint, from which --resume continues.

    \b
    Train from scratch:   python -m workers.training.train_florence2 --out runs/florence
    Improve the shipped:  python -m workers.training.train_florence2 --out runs/better \\
                              --start workers/demo/weights/florence-2-demo --minutes 20
    """  # noqa: D301 - click's own mark for lines that it must not wrap
    options = Options(**values)
    run_training(lambda: run(options, click.echo), options)


def run(options: Options, echo: Callable[[str], None], size: Florence2Size | None = None) -> None:
    """Train a model according to the options, and export it.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    model, processor = _starting_point(options, size or Florence2Size())
    learner = Florence2Learner(
        model, processor, options.torch_device, options.hyperparameters, options.seed
    )
    trainer = Trainer(learner, Budget(options.minutes, options.steps), options.out, echo)
    trainer.begin(resume=options.resume)
    trained = trainer.train().get_submodule("model")
    save(deepcopy(trained), processor, options.out / MODEL_FOLDER)
    echo(f"exported to {options.out / MODEL_FOLDER}")


def _starting_point(options: Options, size: Florence2Size) -> tuple[Any, Any]:
    """The model to train, and its processor."""
    if options.start:
        return load(options.start)
    processor = new_processor()
    model = new_model(size, processor)
    if options.grow:
        grow(model, processor, *load(options.grow))
    return model, processor


if __name__ == "__main__":
    main()
