"""Rules of the catalogue file that depend on the model of a row.

Each function yields the faults of one concern, with keys that lead there from the model's table.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from db.values.pricing import PerMegapixel, UnitKind
from workers.catalog.florence2.fields import MAX_BEAMS
from workers.catalog.flux.loras import MAX_LORA_SCALE
from workers.catalog.flux.sizes import FluxLimits
from workers.catalog.operator_file.faults import Fault, Where, shown
from workers.catalog.operator_file.limits import florence2_limits, flux_limits
from workers.catalog.operator_file.schema import LoraTable, ModelTable, PriceTable, WeightsTable
from workers.catalog.serving import AUTO, Offload, Precision
from workers.catalog.variant import Variant

_OF_OWN_DEVICES = (
    "max_batch",
    "weights",
    "loras",
    "defaults",
    "limits",
    "calibration",
    "precision",
    "offload",
    "attention",
    "compile",
    "idle_seconds",
    "pinned",
)
_OF_VENDORS = ("vendor_price", "calls_at_once")
_SINGLE_FILES = (".safetensors", ".gguf")
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_SIXTEEN_BITS = (Precision.AUTO, Precision.BF16, Precision.FP16)
_GUIDANCE = frozenset({"guidance", "min_guidance", "max_guidance"})
_OF_FLUX_ALONE = _GUIDANCE | {"steps", "side", "max_steps", "max_side", "max_pixels"}
_OF_FLORENCE2_ALONE = frozenset({"num_beams", "max_new_tokens"})


def faults_of_row(table: ModelTable, base: Variant) -> Iterator[Fault]:
    """Everything in a table that its model cannot have.

    Args:
        table: the table, whose types and ranges are right.
        base: the built-in row that it changes, or that its row derives from.
    """
    yield from _faults_of_place(table, base)
    yield from _faults_of_deadlines(table, base)
    yield from _faults_of_price("price", table.price, base)
    yield from _faults_of_price("vendor_price", table.vendor_price, base)
    if base.is_hosted:
        return
    if table.weights:
        yield from (each.below("weights") for each in _faults_of_weights(table.weights, base))
        if table.weights.file and not table.base:
            message = f"{base.id} itself has the other components: give the file to a model of "
            yield Fault(("weights", "file"), f'{message}your own, with base = "{base.id}"')
    yield from _faults_of_loras(table.loras or (), base)
    if table.calibration is not None and base.adapter != "florence2":
        yield Fault(("calibration",), f"{base.id} answers without scores: leave this out")
    yield from _faults_of_serving(table, base)
    yield from _faults_of_parameters(table, base)


def _faults_of_place(table: ModelTable, base: Variant) -> Iterator[Fault]:
    """Keys of models on own devices at a hosted one, and the other way round."""
    for key in table.keys:
        if base.is_hosted and key in _OF_OWN_DEVICES:
            yield Fault((key,), f"{base.id} runs at its vendor: leave this out")
        if not base.is_hosted and key in _OF_VENDORS:
            yield Fault((key,), f"{base.id} runs on own devices: leave this out")


def _faults_of_deadlines(table: ModelTable, base: Variant) -> Iterator[Fault]:
    least, most = table.deadline_seconds or base.deadline_seconds, table.longest_deadline_seconds
    if most is not None and most < least:
        message = f"{most:g} is less than deadline_seconds, {least:g}, of a small job"
        yield Fault(("longest_deadline_seconds",), f"{message}: give more, or lower that one too")


def _faults_of_price(key: str, price: PriceTable | None, base: Variant) -> Iterator[Fault]:
    if price is None:
        return
    if len(price.keys) != 1:
        yield Fault((key,), f"give one of {', '.join(_price_keys(base))}")
    for name in price.keys:
        if name not in _price_keys(base):
            means = f"{base.id} is priced by {' or '.join(_price_keys(base))}"
            yield Fault((key, name), means)


def _price_keys(base: Variant) -> list[str]:
    if base.unit_kind is UnitKind.ANALYSES:
        return ["per_analysis"]
    # The size of a hosted picture is known only where its vendor prices it.
    has_pixels = not base.is_hosted or isinstance(base.price, PerMegapixel)
    return ["per_image", "per_megapixel"] if has_pixels else ["per_image"]


def _faults_of_weights(weights: WeightsTable, base: Variant) -> Iterator[Fault]:
    given = [key for key in ("folder", "repo", "file") if key in weights.keys]
    if given not in (["folder"], ["repo"], ["file"], ["repo", "file"]):
        yield Fault((), "give folder, or file, or repo, or repo and a file in it")
    yield from _faults_of_hub(weights.repo, weights.revision)
    if weights.file is None:
        return
    if base.adapter != "flux":
        message = f"{base.id} has no single files: give folder or repo"
        yield Fault(("file",), message)
    elif not weights.file.endswith(_SINGLE_FILES):
        message = f"must end with {' or '.join(_SINGLE_FILES)}, unlike {shown(weights.file)}"
        yield Fault(("file",), message)
    yield from _faults_of_file_in(weights.repo, weights.file)


def _faults_of_hub(repo: str | None, revision: str | None) -> Iterator[Fault]:
    if repo is not None and not _HUB_NAME.fullmatch(repo):
        yield Fault(("repo",), f"must be a hub repository such as owner/name, not {shown(repo)}")
    if revision is None:
        return
    if repo is None:
        yield Fault(("revision",), "belongs to a repo: leave it out, or give repo")
    elif not _REVISION.fullmatch(revision):
        yield Fault(("revision",), f"must be a commit, branch or tag, not {shown(revision)}")


def _faults_of_file_in(repo: str | None, file: str) -> Iterator[Fault]:
    """A file of a repository is named below it, not somewhere on this machine."""
    if repo is not None and (file.startswith(("/", "~")) or ".." in file.split("/")):
        yield Fault(("file",), f"must be the name of a file in {repo}, not {shown(file)}")


def _faults_of_loras(loras: Iterable[LoraTable], base: Variant) -> Iterator[Fault]:
    for n, lora in enumerate(loras):
        if base.adapter != "flux":
            yield Fault(("loras", n), f"{base.id} takes no LoRAs: leave them out")
            return
        yield from (each.below("loras", n) for each in _faults_of_lora(lora))


def _faults_of_lora(lora: LoraTable) -> Iterator[Fault]:
    yield from _faults_of_hub(lora.repo, lora.revision)
    yield from _faults_of_file_in(lora.repo, lora.file)
    if not lora.file.endswith(".safetensors"):
        yield Fault(("file",), f"must end with .safetensors, unlike {shown(lora.file)}")
    if abs(lora.scale) > MAX_LORA_SCALE:
        message = f"must be from {-MAX_LORA_SCALE:g} to {MAX_LORA_SCALE:g}, not {lora.scale:g}"
        yield Fault(("scale",), message)


def _faults_of_serving(table: ModelTable, base: Variant) -> Iterator[Fault]:
    if table.pinned and table.idle_seconds is not None:
        yield Fault(("idle_seconds",), "a pinned model is never unloaded: leave one of the two out")
    is_gguf = bool(table.weights and (table.weights.file or "").endswith(".gguf"))
    if is_gguf and table.precision not in (Precision.AUTO, Precision.STORED):
        yield Fault(("precision",), "a GGUF file is quantised already: leave precision out")
    if base.adapter == "flux":
        return
    if table.precision not in _SIXTEEN_BITS:
        kinds = ", ".join(_SIXTEEN_BITS)
        yield Fault(("precision",), f"{base.id} is served as {kinds}, not {table.precision}")
    if table.offload not in (Offload.AUTO, Offload.NONE):
        yield Fault(("offload",), f"{base.id} stays on its device: leave this out, or give none")
    if table.attention != AUTO:
        yield Fault(("attention",), f"{base.id} has one kind of attention: leave this out")


def _faults_of_parameters(table: ModelTable, base: Variant) -> Iterator[Fault]:
    is_flux = base.adapter == "flux"
    foreign = _given(table, _OF_FLORENCE2_ALONE if is_flux else _OF_FLUX_ALONE)
    for where in foreign:
        yield Fault(where, f"{base.id} has no such parameter: leave this out")
    if not foreign:
        yield from (_faults_of_flux if is_flux else _faults_of_florence2)(table, base)


def _given(table: ModelTable, keys: Collection[str]) -> list[Where]:
    """The places of these keys in `defaults` and `limits`."""
    return [
        (name, key)
        for name, inner in (("defaults", table.defaults), ("limits", table.limits))
        for key in (inner.keys if inner else ())
        if key in keys
    ]


def _faults_of_flux(table: ModelTable, base: Variant) -> Iterator[Fault]:
    limits = flux_limits(table, base)
    if not limits.min_side <= limits.side <= limits.max_side:
        message = f"must be from {limits.min_side} to {limits.max_side}, not {limits.side}"
        yield Fault(("defaults", "side"), message)
    elif limits.side % limits.step:
        yield Fault(("defaults", "side"), f"must be a multiple of {limits.step}")
    elif limits.side**2 > limits.max_pixels:
        message = f"{limits.side} x {limits.side} is more than max_pixels, {limits.max_pixels}"
        yield Fault(("defaults", "side"), f"{message}: give a smaller side")
    if limits.steps > limits.max_steps:
        message = f"{limits.steps} are more than max_steps, {limits.max_steps}: give fewer"
        yield Fault(("defaults", "steps"), message)
    yield from _faults_of_guidance(table, base, limits)


def _faults_of_guidance(table: ModelTable, base: Variant, limits: FluxLimits) -> Iterator[Fault]:
    if limits.guidance_range is None:
        for where in _given(table, _GUIDANCE):
            yield Fault(where, f"{base.id} is distilled and takes no guidance: leave this out")
        return
    low, high = limits.guidance_range
    if low > high:
        yield Fault(("limits", "min_guidance"), f"{low:g} is more than max_guidance, {high:g}")
    elif not low <= limits.guidance <= high:
        message = f"must be from {low:g} to {high:g}, not {limits.guidance:g}"
        yield Fault(("defaults", "guidance"), message)


def _faults_of_florence2(table: ModelTable, base: Variant) -> Iterator[Fault]:
    limits = florence2_limits(table, base)
    most = base.parameters.limits.max_new_tokens_limit  # type: ignore[attr-defined]
    if limits.max_new_tokens_limit > most:
        message = f"the decoder has {most} positions: give at most as many"
        yield Fault(("limits", "max_new_tokens"), message)
    elif limits.max_new_tokens > limits.max_new_tokens_limit:
        message = f"must be at most {limits.max_new_tokens_limit}, not {limits.max_new_tokens}"
        yield Fault(("defaults", "max_new_tokens"), message)
    if limits.num_beams > MAX_BEAMS:
        yield Fault(("defaults", "num_beams"), f"must be at most {MAX_BEAMS}")
