"""Trains a demo Florence-2 and exports it as the stock classes load it.

python -m workers.training.train_florence2 --out runs/florence --minutes 40
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from workers.training.command import (
    AT_LEAST_ONE,
    EXISTING_FOLDER,
    MODEL_FOLDER,
    TrainingOptions,
    carry_out,
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
from workers.training.florence2.learner import Florence2Learner, Florence2Lessons
from workers.training.loop import Budget, Trainer


@dataclass(frozen=True)
class Options(TrainingOptions):
    """What the command line asks for; `main` says what each is."""

    minutes: float = 40.0
    grow: Path | None = None
    pictures: int = 8
    questions: int = 4
    scored: int = 24
    seed: int = 7

    @property
    def lessons(self) -> Florence2Lessons:
        """A model that sees already need not learn to again."""
        seeing = 0.0 if self.start else Florence2Lessons.seeing
        return Florence2Lessons(self.pictures, self.questions, seeing=seeing, scored=self.scored)


@click.command()
@training_options(
    Options,
    minutes="Training time; the first tenth teaches vision alone.",
    start="Begin with the weights and tokenizer of this exported model; vision is "
    "not taught apart.",
)
@click.option(
    "--grow",
    type=EXISTING_FOLDER,
    help="Begin anew, with what this exported model of a coarser grid knows.",
)
@click.option("--pictures", type=AT_LEAST_ONE, default=8, show_default=True)
@click.option(
    "--questions",
    type=AT_LEAST_ONE,
    default=4,
    show_default=True,
    help="About each picture, which is looked at once for all of them.",
)
@click.option(
    "--scored",
    type=AT_LEAST_ONE,
    default=24,
    show_default=True,
    help="How many canvases are held out.",
)
def main(**chosen: Any) -> None:
    """Train a demo Florence-2 on drawn canvases and export it for the stock classes.

    Every ten seconds of training a line tells the losses; every two minutes another tells, for
    canvases that training never sees, how well detection, captions, reading and masks fit; and a
    checkpoint is written, from which --resume goes on.

    \b
    Train from nothing:   python -m workers.training.train_florence2 --out runs/florence
    Improve the shipped:  python -m workers.training.train_florence2 --out runs/better \\
                              --start workers/demo/weights/florence-2-demo --minutes 20
    """  # noqa: D301 - click's own mark for lines that stay as they are
    options = Options(**chosen)
    carry_out(lambda: run(options, click.echo), options)


def run(options: Options, echo: Callable[[str], None], size: Florence2Size | None = None) -> None:
    """Train what the options ask for, and export it.

    Raises:
        CheckpointError: as `Trainer.begin`.
    """
    model, processor = _beginner(options, size or Florence2Size())
    place = options.place
    learner = Florence2Learner(model, processor, place, options.lessons, options.seed)
    trainer = Trainer(learner, Budget(options.minutes, options.steps), options.out, echo)
    trainer.begin(resume=options.resume)
    trained = trainer.train().get_submodule("model")
    save(deepcopy(trained), processor, options.out / MODEL_FOLDER)
    echo(f"exported to {options.out / MODEL_FOLDER}")


def _beginner(options: Options, size: Florence2Size) -> tuple[Any, Any]:
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
