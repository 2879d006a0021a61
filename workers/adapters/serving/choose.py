"""The choice of how a model is served: the best way that fits the memory that is free.

Quality comes first, then speed: 16 bits before 8, 8 before 4; in each precision, everything on the
device before text encoders that wait in the host's memory, which costs their transfer once for
each new prompt. A transformer that waits block by block is transferred in every step and makes a
job several times as long: that is the last resort, also after 4 bits.

What an operator asks for is kept or refused, never replaced.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product

from db.values.pricing import PIXELS_PER_MEGAPIXEL
from workers.adapters.serving.component import Component, Role
from workers.adapters.serving.plan import ServingPlan
from workers.adapters.serving.published_sizes import FLOAT32_BYTES
from workers.adapters.serving.working_set import (
    JobSize,
    largest_job,
    usual_job,
    working_bytes,
)
from workers.catalog.flux.sizes import FluxLimits
from workers.catalog.serving import AUTO, Compile, Offload, Precision, ServingMode, ServingRequest
from workers.catalog.variant import Family, Variant

GIGABYTE = 10**9
HOST_BYTES_PER_SECOND = 12 * 10**9
"""Transfers from the host's memory: what eight lanes of PCI Express 4 carry."""

BLOCKS_ON_DEVICE = 2
"""Blocks of an offloaded transformer on the device: the one that computes, and the next."""

SLOWDOWN = {Precision.FP8: 1.15, Precision.INT8: 1.3, Precision.NF4: 1.4}
"""Factors on a job's time where weights are unpacked while they compute: estimates."""

_SIXTEEN_BITS = (Precision.BF16, Precision.FP16)
_WORDS = {
    Offload.NONE: "all of it on the device",
    Offload.TEXT: "text encoders in the host's memory",
    Offload.BLOCKS: "text encoders and blocks in the host's memory",
}


class DoesNotFitError(Exception):
    """A model cannot be served within this memory; the message says what would do.

    Attributes:
        is_final: true when the model fits in no way at all, whatever is asked for.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class RequestError(DoesNotFitError):
    """A request that this model or this machine cannot meet, however much memory there is."""


@dataclass(frozen=True)
class Abilities:
    """Abilities of a device and its libraries.

    Attributes:
        is_cpu: true for the CPU.
        bfloat16: computes in it without emulating it.
        float8: computes in it; otherwise int8 is the more exact of the two.
        number_bytes: bytes of a number in the format of the computation, by what a row names.
        precisions: those whose libraries are installed.
    """

    is_cpu: bool = False
    bfloat16: bool = True
    float8: bool = True
    number_bytes: Callable[[Variant], int] = lambda _variant: 2
    precisions: frozenset[Precision] = frozenset(Precision)

    @property
    def plain(self) -> Precision:
        """The 16-bit format."""
        return Precision.BF16 if self.bfloat16 else Precision.FP16

    @property
    def in_8_bits(self) -> Precision:
        """The better format in 8 bits."""
        wanted = Precision.FP8 if self.float8 else Precision.INT8
        other = Precision.INT8 if self.float8 else Precision.FP8
        return wanted if wanted in self.precisions or other not in self.precisions else other


MODERN_CARD = Abilities()
"""A card that is not here: one of the last years, with every library."""


@dataclass(frozen=True)
class Budget:
    """Memory that a model may take.

    Attributes:
        device_bytes: of its device; on the CPU that is the host's memory.
        host_bytes: of the host, for what waits there; None where it is not known.
    """

    device_bytes: int
    host_bytes: int | None = None


@dataclass(frozen=True)
class Candidate:
    """One way to serve a model, and what it takes.

    Attributes:
        variant: the row.
        components: of its checkpoint.
        precision: the number format of the large weights.
        offload: what waits in the host's memory.
        number_bytes: bytes of a number in the format of the computation.
    """

    variant: Variant
    components: Mapping[str, Component]
    precision: Precision
    offload: Offload
    number_bytes: int = 2

    @cached_property
    def host_bytes(self) -> int:
        """Weights that wait in the host's memory."""
        waiting = sum(map(self._bytes, self._of(Role.TEXT))) if self._waits(Role.TEXT) else 0
        return waiting + (self._streamed_bytes if self._waits(Role.TRANSFORMER) else 0)

    @cached_property
    def device_bytes(self) -> int:
        """Weights on the device."""
        everything = sum(map(self._bytes, self.components.values()))
        visiting = 0
        if self._waits(Role.TRANSFORMER):
            blocks = [
                part.block_bytes(self.precision, self.number_bytes)
                for part in self._of(Role.TRANSFORMER)
            ]
            visiting = BLOCKS_ON_DEVICE * max(blocks, default=0)
        return everything - self.host_bytes + visiting

    def working_bytes(self, job: JobSize) -> int:
        """The most that a call takes beside them."""
        return working_bytes(
            self.variant,
            self.components.values(),
            job,
            precision=self.precision,
            number_bytes=self.number_bytes,
            text_waits=self._waits(Role.TEXT),
        )

    @property
    def peak_bytes(self) -> int:
        """The most device memory for a usual job."""
        return self.device_bytes + self.working_bytes(usual_job(self.variant))

    def fits(self, budget: Budget) -> bool:
        """True when a usual job of the model fits."""
        if self.peak_bytes > budget.device_bytes:
            return False
        return budget.host_bytes is None or self.host_bytes <= budget.host_bytes

    def largest_pixels(self, budget: Budget) -> int:
        """The pixels of the largest picture that fits; as many as the row allows at most."""
        most = largest_job(self.variant)
        size = most
        while self.device_bytes + self.working_bytes(size) > budget.device_bytes and size.pixels:
            size = replace(size, pixels=size.pixels - PIXELS_PER_MEGAPIXEL // 4)
            if size.pixels < PIXELS_PER_MEGAPIXEL // 4:
                return 0
        return size.pixels

    @property
    def slowdown(self) -> float:
        """Factor on the row's times: unpacking, and transfers over those of a usual job."""
        text = sum(map(self._bytes, self._of(Role.TEXT))) if self._waits(Role.TEXT) else 0
        blocks = self._streamed_bytes if self._waits(Role.TRANSFORMER) else 0
        steps, seconds = _steps_and_seconds(self.variant)
        moved = (text + steps * blocks) / HOST_BYTES_PER_SECOND
        return round(SLOWDOWN.get(self.precision, 1.0) + moved / seconds, 2)

    @property
    def name(self) -> str:
        """The way in words."""
        return f"{self.number_format}, {_WORDS[self.offload]}"

    @property
    def number_format(self) -> str:
        """See `ServingPlan.number_format`."""
        is_wide = self.precision in _SIXTEEN_BITS and self.number_bytes == FLOAT32_BYTES
        return "float32" if is_wide else self.precision.value

    @property
    def _streamed_bytes(self) -> int:
        return sum(
            part.streamed_bytes(self.precision, self.number_bytes)
            for part in self._of(Role.TRANSFORMER)
        )

    def _waits(self, role: Role) -> bool:
        if role is Role.TRANSFORMER:
            return self.offload is Offload.BLOCKS
        return self.offload in (Offload.TEXT, Offload.BLOCKS)

    def _of(self, role: Role) -> Iterator[Component]:
        return (part for part in self.components.values() if part.role is role)

    def _bytes(self, part: Component) -> int:
        return part.bytes_in(self.precision, self.number_bytes)


def _steps_and_seconds(variant: Variant) -> tuple[int, float]:
    """Steps and estimated seconds of a job with the row's defaults."""
    limits = getattr(variant.parameters, "limits", None)
    if not isinstance(limits, FluxLimits):
        return 1, 1.0
    job = variant.parameters.model_construct(
        width=limits.side, height=limits.side, steps=limits.steps, num_images=1, loras=()
    )
    return limits.steps, max(0.05, variant.cost_seconds(job))


def candidates_for(
    variant: Variant, components: Mapping[str, Component], abilities: Abilities = MODERN_CARD
) -> list[Candidate]:
    """Every way to serve a model on a device, best first."""
    number = abilities.number_bytes(variant)
    return [
        Candidate(variant, components, precision, offload, number)
        for precision, offload in _order(variant, components, abilities)
    ]


def _order(
    variant: Variant, components: Mapping[str, Component], abilities: Abilities
) -> Sequence[tuple[Precision, Offload]]:
    plain, eight, four = abilities.plain, abilities.in_8_bits, Precision.NF4
    if variant.family is Family.FLORENCE2:
        return [(_plain_of(variant, abilities), Offload.NONE)]
    # On the CPU nothing is gained by what waits: it is the same memory.
    offloads: tuple[Offload, ...] = (
        (Offload.NONE,) if abilities.is_cpu else (Offload.NONE, Offload.TEXT)
    )
    streams: tuple[Offload, ...] = () if abilities.is_cpu else (Offload.BLOCKS,)
    if any(part.stored_bytes is not None for part in components.values()):
        return list(product((Precision.STORED,), (*offloads, *streams)))
    # Not 16 bits block by block: twice the transfers of 8 bits for a difference that few see.
    return (*product((plain, eight, four), offloads), *product((eight, four), streams))


def _plain_of(variant: Variant, abilities: Abilities) -> Precision:
    """The 16-bit format that a row names for a GPU; on a CPU the device's, whatever it stands for.

    Weights that are stored in float16 lose three bits in bfloat16.
    """
    in_16_bits = abilities.number_bytes(variant) < FLOAT32_BYTES
    if in_16_bits and variant.dtype.get("cuda") == "float16":
        return Precision.FP16
    return abilities.plain


def choose(
    variant: Variant,
    components: Mapping[str, Component],
    budget: Budget,
    request: ServingRequest,
    abilities: Abilities = MODERN_CARD,
) -> ServingPlan:
    """The best way that fits, within what is asked for.

    Args:
        variant: the row.
        components: of its checkpoint.
        budget: the free memory.
        request: what the operator asks for; each `auto` is chosen here.
        abilities: of the device.

    Raises:
        RequestError: the request cannot be met by this model or with these libraries.
        DoesNotFitError: no way that is asked for fits; the message names the smallest.
    """
    candidates = requested_modes(variant, components, request, abilities)
    usable = [way for way in candidates if is_installed(way, abilities)]
    chosen = next((way for way in usable if way.fits(budget)), None)
    if chosen is None:
        raise _shortage(variant, candidates, budget, request, abilities)
    plan = plan_of(chosen, budget, request)
    best = next(way for way in candidates if way.fits(budget))
    if best is not chosen:
        better = f"; better with pip install 'bottega[quantization]': {best.name}"
        plan = replace(plan, reason=f"{plan.reason}{better}")
    return plan


def is_installed(way: Candidate, abilities: Abilities) -> bool:
    """True when the libraries of a way are installed."""
    return way.precision in (*_SIXTEEN_BITS, Precision.STORED, *abilities.precisions)


def requested_modes(
    variant: Variant,
    components: Mapping[str, Component],
    request: ServingRequest,
    abilities: Abilities,
) -> list[Candidate]:
    """The ways that a request leaves open, best first.

    Raises:
        RequestError: it leaves none.
    """
    known = _order(variant, components, abilities)
    asked = _asked(known, request)
    allowed: list[tuple[Precision, Offload]]
    if variant.family is Family.FLORENCE2:
        is_plain = request.attention == AUTO and request.compile is not Compile.ON
        allowed = [
            (p, o) for p, o in asked if is_plain and p in _SIXTEEN_BITS and o is Offload.NONE
        ]
    elif any(precision is Precision.STORED for precision, _ in known):
        allowed = [(p, o) for p, o in asked if p is Precision.STORED]
    else:
        allowed = [(p, o) for p, o in asked if p is not Precision.STORED]
    if not allowed:
        raise RequestError(_refusal(variant, known, request))
    number = abilities.number_bytes(variant)
    return [Candidate(variant, components, p, o, number) for p, o in allowed]


def _asked(
    known: Sequence[tuple[Precision, Offload]], request: ServingRequest
) -> list[tuple[Precision, Offload]]:
    if AUTO not in (request.precision, request.offload):
        return [(request.precision, request.offload)]
    if request.precision != AUTO:
        offloads = dict.fromkeys(offload for _, offload in known)
        return [(request.precision, offload) for offload in offloads]
    if request.offload != AUTO:
        precisions = dict.fromkeys(precision for precision, _ in known)
        return [(precision, request.offload) for precision in precisions]
    return list(known)


def asked_for(request: ServingRequest) -> str:
    """The parts of a request that are not left open, in words; "" where there is none."""
    parts = [(each.name, getattr(request, each.name)) for each in fields(request)]
    return " and ".join(f"{name} {value}" for name, value in parts if value != AUTO)


def _refusal(
    variant: Variant, known: Sequence[tuple[Precision, Offload]], request: ServingRequest
) -> str:
    asked = asked_for(request)
    if variant.family is Family.FLORENCE2:
        whole = "it is served one way, whole and in 16 bits"
        return f"{variant.id}: {asked} is not for Florence-2: {whole}"
    if known[0][0] is Precision.STORED:
        return (
            f"{variant.id}: {asked} cannot be: its weights are quantised already, and are served "
            "as they are; leave precision out, or name weights in 16 bits"
        )
    return f"{variant.id}: {asked} cannot be: its weights are in 16 bits; choose bf16, fp8 or nf4"


def plan_of(way: Candidate, budget: Budget, request: ServingRequest) -> ServingPlan:
    """The plan of a way that fits."""
    plan = ServingPlan(
        mode=ServingMode(
            way.precision,
            way.offload,
            "native" if request.attention == AUTO else request.attention,
            request.compile is Compile.ON,
        ),
        device_bytes=way.device_bytes,
        working_bytes=way.working_bytes(usual_job(way.variant)),
        host_bytes=way.host_bytes,
        slowdown=way.slowdown,
        number_format=way.number_format,
    )
    return replace(plan, reason=_reason(way, plan, budget))


def _reason(way: Candidate, plan: ServingPlan, budget: Budget) -> str:
    waiting = f", {_gigabytes(plan.host_bytes)} of the host's" if plan.host_bytes else ""
    text = f"{way.name}: {_gigabytes(plan.peak_bytes)} of {_gigabytes(budget.device_bytes)}"
    return f"{text}{waiting}{_limit(way, budget)}"


def _limit(way: Candidate, budget: Budget) -> str:
    """A word on the pictures that the row allows and this memory does not hold."""
    most, fitting = largest_job(way.variant).pixels, way.largest_pixels(budget)
    if fitting >= most:
        return ""
    return f"; pictures above {fitting / PIXELS_PER_MEGAPIXEL:.1f} megapixels may not fit"


def _shortage(
    variant: Variant,
    candidates: Sequence[Candidate],
    budget: Budget,
    request: ServingRequest,
    abilities: Abilities,
) -> DoesNotFitError:
    """The error that says why no way fits, with the nearest remedy."""
    missing = [way for way in candidates if way.fits(budget) and not is_installed(way, abilities)]
    if missing:
        return DoesNotFitError(
            f"{variant.id} fits as {missing[0].name}, for which a library is missing: "
            "pip install 'bottega[quantization]'"
        )
    smallest = min(candidates, key=lambda way: way.peak_bytes)
    other = _other_way(variant, smallest, budget, request, abilities)
    remedy = (
        "free some of it, or serve a smaller model (`bottega catalog plan` lists what fits)"
        if other is None
        else f"it fits as {other.name}, which precision and offload auto choose"
    )
    shortage = _amounts(variant, smallest, budget, is_cpu=abilities.is_cpu)
    return DoesNotFitError(f"{shortage}: {remedy}", is_final=other is None)


def _amounts(variant: Variant, smallest: Candidate, budget: Budget, *, is_cpu: bool) -> str:
    """The memory that the smallest way takes, and what there is."""
    if smallest.peak_bytes <= budget.device_bytes:
        return (
            f"{variant.id} as {smallest.name} takes {_gigabytes(smallest.host_bytes)} of the "
            f"host's memory, and {_gigabytes(budget.host_bytes or 0)} are free"
        )
    return (
        f"{variant.id} takes {_gigabytes(smallest.peak_bytes)} of "
        f"{'memory' if is_cpu else 'device memory'} as {smallest.name}, "
        f"and {_gigabytes(budget.device_bytes)} are free"
    )


def _other_way(
    variant: Variant,
    smallest: Candidate,
    budget: Budget,
    request: ServingRequest,
    abilities: Abilities,
) -> Candidate | None:
    """A way that fits and was not asked for."""
    if request.precision == AUTO and request.offload == AUTO:
        return None
    others = candidates_for(variant, smallest.components, abilities)
    return next((way for way in others if way.fits(budget) and is_installed(way, abilities)), None)


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE else f"{count / 10**6:.0f} MB"
