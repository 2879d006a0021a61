"""A trial of one model on one device, without a database or a queue: `bottega catalog test`.

It loads the model as a worker does, runs one job of the default size twice, and judges seconds,
memory and result.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from PIL import Image, ImageDraw

from workers.adapters.protocol import Adapter, AdapterError, Output, Unloading, Work
from workers.adapters.registry import make_adapter
from workers.adapters.serving.plan import ServingPlan
from workers.bench.expected_results import EXPECTED_CAPTIONS, EXPECTED_THUMBNAILS
from workers.catalog.flux.inputs import Presence
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.serving import Precision
from workers.catalog.variant import Family, Variant, picture_fields
from workers.runtime.models.problems import load_problem

PROMPT = "a red circle on a blue background"
SEED = 7
MEMORY_TOLERANCE = 0.1
"""The most by which the measured peak may be above the plan, as a share of it."""
LEVELS = 4
"""The most by which a channel (0 to 255) of two pictures of one seed may differ."""
FLAT = 2.0
"""A picture whose channels deviate less than this is one colour."""
THUMBNAIL_LEVELS = {True: 8.0, False: 30.0}
"""The mean difference from the expected thumbnail, in 16 bits and below."""


@dataclass(frozen=True)
class Finding:
    """One thing that was judged: its name, whether it is right, and the figures."""

    name: str
    ok: bool
    detail: str


@dataclass
class Trial:
    """The figures of a trial; those that it did not reach are None.

    Attributes:
        variant: the model.
        device: torch's name for the device.
        plan: how the model was served, and what that should take.
        load_seconds: time of the load, with its first small call.
        first_seconds: time of the first job.
        second_seconds: time of the same job again.
        peak_bytes: the most device memory in load and jobs; None on the CPU.
        findings: what was judged, in order.
    """

    variant: str
    device: str
    plan: ServingPlan
    load_seconds: float | None = None
    first_seconds: float | None = None
    second_seconds: float | None = None
    peak_bytes: int | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when nothing was wrong."""
        return all(finding.ok for finding in self.findings)

    def judge(self, name: str, ok: bool, detail: str) -> None:  # noqa: FBT001 - the judgement
        """Note a finding."""
        self.findings.append(Finding(name, ok, detail))

    def as_json(self) -> dict[str, Any]:
        """The trial for programs."""
        return {
            "variant": self.variant,
            "device": self.device,
            "ok": self.ok,
            "plan": self.plan.as_json(),
            "load_seconds": self.load_seconds,
            "first_seconds": self.first_seconds,
            "second_seconds": self.second_seconds,
            "peak_bytes": self.peak_bytes,
            "findings": [vars(finding) for finding in self.findings],
        }


def run_trial(
    variant: Variant,
    device: str,
    plan: ServingPlan,
    overrides: Mapping[str, str],
    *,
    has_random_weights: bool = False,
) -> Trial:
    """Try a model; whatever goes wrong is a finding.

    Args:
        variant: the row.
        device: torch's name for the device, which is pinned.
        plan: how it is served.
        overrides: local folders of weights by variable.
        has_random_weights: true where its result is noise, and is not judged by its looks.
    """
    trial = Trial(variant.id, device, plan)
    _reset_peak(device)
    adapter = _load(trial, variant, overrides)
    if adapter is None:
        return trial
    outputs = _run_twice(trial, adapter, usual_work(variant), device)
    trial.peak_bytes = _peak(device)
    if outputs:
        _judge_outputs(trial, variant, outputs, has_random_weights=has_random_weights)
    _judge_memory(trial)
    if isinstance(adapter, Unloading):
        adapter.unload()
    return trial


def _load(trial: Trial, variant: Variant, overrides: Mapping[str, str]) -> Adapter | None:
    began = time.monotonic()
    try:
        adapter = make_adapter(variant, trial.device, overrides, trial.plan.mode)
        adapter.load()
    except Exception as error:  # noqa: BLE001 - whatever a load raises is the finding
        trial.judge("load", False, load_problem(variant.id, error))  # noqa: FBT003
        return None
    trial.load_seconds = time.monotonic() - began
    trial.judge("load", True, f"{trial.load_seconds:.1f} s")  # noqa: FBT003
    return adapter


def _run_twice(trial: Trial, adapter: Adapter, work: Work, device: str) -> list[Output]:
    seconds: list[float] = []
    outputs: list[Output] = []
    for name in ("first job", "second job"):
        began = time.monotonic()
        try:
            outputs += adapter.run([work], lambda _step, _steps: None, lambda: False)
        except (AdapterError, RuntimeError, MemoryError) as error:
            trial.judge(name, False, f"{type(error).__name__}: {error}")  # noqa: FBT003
            return []
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - began)
        trial.judge(name, True, f"{seconds[-1]:.2f} s")  # noqa: FBT003
    trial.first_seconds, trial.second_seconds = seconds
    return outputs


def usual_work(variant: Variant) -> Work:
    """A job of the row's default size, with a drawn picture where it reads one."""
    if variant.family is Family.FLORENCE2:
        parameters = variant.parameters(image="drawn", task="<CAPTION>", max_new_tokens=40)
        return Work(parameters, {"image": [drawn_picture(384)]})
    model = cast("type[FluxParameters]", variant.parameters)
    needed = [name for name in picture_fields(model) if model.model_fields[name].is_required()]
    if not needed and model.inputs.image is Presence.REQUIRED:
        needed = ["image"]
    picture = drawn_picture(model.limits.side)
    named: dict[str, Any] = dict.fromkeys(needed, "drawn")
    parameters = model(prompt=PROMPT, seed=SEED, **named)
    sized = parameters.with_sizes({name: [picture.size] for name in needed})
    return Work(sized, {name: [picture] for name in needed})


def drawn_picture(side: int) -> Image.Image:
    """A red circle on a blue background."""
    picture = Image.new("RGB", (side, side), (40, 80, 220))
    box = (side // 4, side // 4, side - side // 4, side - side // 4)
    ImageDraw.Draw(picture).ellipse(box, fill=(214, 38, 38))
    return picture


def _judge_outputs(
    trial: Trial, variant: Variant, outputs: list[Output], *, has_random_weights: bool
) -> None:
    first, second = outputs
    if variant.family is Family.FLORENCE2:
        _judge_caption(trial, variant, first, second)
        return
    one, other = (_channels(output.images[0].image) for output in (first, second))
    most = int(np.abs(one - other).max())
    trial.judge("same seed", most <= LEVELS, f"differs by {most} of 255 at most")
    if has_random_weights:
        trial.judge("picture", True, "finite; its weights are random, so it is noise")  # noqa: FBT003
        return
    deviation = float(one.std())
    trial.judge("picture", deviation > FLAT, f"finite, its channels deviate by {deviation:.0f}")
    expected = EXPECTED_THUMBNAILS.get(variant.id)
    if expected is not None:
        _judge_thumbnail(trial, first.images[0].image, bytes.fromhex(expected))


def _judge_thumbnail(trial: Trial, picture: Image.Image, expected: bytes) -> None:
    found = np.frombuffer(bytes.fromhex(thumbnail(picture)), dtype=np.uint8).astype(int)
    difference = float(np.abs(found - np.frombuffer(expected, dtype=np.uint8).astype(int)).mean())
    is_wide = trial.plan.mode.precision in (Precision.BF16, Precision.FP16)
    limit = THUMBNAIL_LEVELS[is_wide]
    detail = f"the thumbnail differs by {difference:.1f} of 255 on average, {limit:g} at most"
    trial.judge("expected", difference <= limit, detail)


def thumbnail(picture: Image.Image) -> str:
    """The mean colours of a picture's 16 tiles, as hexadecimal digits."""
    return picture.convert("RGB").resize((4, 4), Image.Resampling.BOX).tobytes().hex()


def _channels(picture: Image.Image) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.asarray(picture.convert("RGB"), dtype=np.int64)


def _judge_caption(trial: Trial, variant: Variant, first: Output, second: Output) -> None:
    one, other = map(_caption, (first, second))
    trial.judge("same answer", one == other, repr(one) if one == other else f"{one!r}, {other!r}")
    trial.judge("answer", bool(one.strip()), "has words" if one.strip() else "is empty")
    words = EXPECTED_CAPTIONS.get(variant.id)
    if words is not None:
        missing = [word for word in words if word not in one.lower()]
        detail = f"lacks {', '.join(missing)}" if missing else f"names {', '.join(words)}"
        trial.judge("expected", not missing, detail)


def _caption(output: Output) -> str:
    [answer] = (output.data or {})["results"]
    return str(answer["result"]["<CAPTION>"])


def _judge_memory(trial: Trial) -> None:
    planned = trial.plan.peak_bytes
    if trial.peak_bytes is None or not planned:
        trial.judge("memory", True, f"planned {planned / 1e9:.2f} GB; not measured on a CPU")  # noqa: FBT003
        return
    share = trial.peak_bytes / planned - 1
    detail = f"peak {trial.peak_bytes / 1e9:.2f} GB, planned {planned / 1e9:.2f} GB ({share:+.0%})"
    trial.judge("memory", abs(share) <= MEMORY_TOLERANCE, detail)


def _reset_peak(device: str) -> None:
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> int | None:
    if device == "cpu":
        return None
    peak: Callable[[], int] = torch.cuda.max_memory_allocated
    return peak()
