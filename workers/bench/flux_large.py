"""`python -m workers.bench.flux_large`: FLUX at full size with random weights."""

import json
from dataclasses import asdict, fields
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from workers.adapters.pinning import DeviceError, pin_device
from workers.catalog.serving import ServingMode

if TYPE_CHECKING:
    from workers.bench.flux_comparison import Comparison, Measurement
    from workers.bench.flux_roofline import Roofline
    from workers.bench.flux_sizes import FluxShape

Options = dict[str, Any]
_COLUMNS = {
    "pictures/s": "pictures_per_second",
    "x stock": "over_stock_ratio",
    "floor s": "floor_seconds",
    "x floor": "over_floor_ratio",
    "GB": "peak_gigabytes",
}


@click.command()
@click.option("--device", default="cuda:0", show_default=True, help="cpu or cuda:N.")
@click.option(
    "--model",
    type=click.Choice(["schnell", "klein-4b"]),
    default="schnell",
    show_default=True,
    help="FLUX.1 [schnell] 12B or FLUX.2 [klein] 4B.",
)
@click.option(
    "--side",
    "sides",
    type=click.IntRange(64),
    multiple=True,
    default=(1024, 1440, 2048),
    show_default=True,
    help="Side of the square pictures in pixels; unsupported ones are skipped. Repeatable.",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1),
    multiple=True,
    default=(1, 2, 4),
    show_default=True,
    help="Pictures per call. Repeatable.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=True,
    show_default=True,
    help="Also measure compiled transformers.",
)
@click.option(
    "--also",
    metavar="OPTION=VALUE",
    callback=lambda _context, _parameter, values: dict(map(_option, values)),
    multiple=True,
    help="Add a setting with one more change of how it is served, such as precision=fp8, "
    "offload=text or attention=_native_cudnn. Repeatable; changes accumulate.",
)
@click.option(
    "--load", is_flag=True, help="Write the model to a temporary folder, and measure its loading."
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads on a CPU."
)
@click.option("--tiny", is_flag=True, help="Use a tiny model, to test the command.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(  # noqa: PLR0913 - one for each option
    *,
    device: str,
    model: str,
    sides: tuple[int, ...],
    batches: tuple[int, ...],
    rounds: int,
    compiled: bool,
    also: Options,
    load: bool,
    threads: int,
    tiny: bool,
    as_json: bool,
) -> None:
    """Generate pictures with FLUX at full size, in four steps, on a machine with an accelerator.

    The weights are random, so nothing is downloaded. The pictures are meaningless, but the costs
    are those of the real checkpoint. Measurements of diffusers' own pipeline, picture by picture,
    are interleaved with those of the service's adapter in batches: with default settings, with a
    compiled transformer, and served in further ways. Calls of more than four megapixels
    are skipped.

    x stock: pictures/s relative to the stock pipeline of that size that is not compiled; the stock
    pipeline encodes its prompt each time, the adapter caches it. floor: the lower bound (roofline)
    of a call's time, in which the device could do the arithmetic of all steps and the decoding, at
    the rate of a large matrix product measured here.
    """
    try:
        torch_device = pin_device(device)
    except DeviceError as error:
        raise click.UsageError(str(error)) from error
    # Imported late: the device must be pinned before torch is imported.
    import torch  # noqa: PLC0415

    from workers.bench.flux_comparison import Comparison  # noqa: PLC0415
    from workers.bench.flux_roofline import count_operations, measure_peak  # noqa: PLC0415
    from workers.bench.flux_sizes import (  # noqa: PLC0415
        KLEIN_4B,
        SCHNELL,
        TINY_KLEIN,
        TINY_SCHNELL,
    )

    torch.set_num_threads(threads)
    by_name = {"schnell": (SCHNELL, TINY_SCHNELL), "klein-4b": (KLEIN_4B, TINY_KLEIN)}
    shape: FluxShape = by_name[model][tiny]
    click.echo("Building the model and warming up; compilation takes minutes.", err=True)
    comparison = Comparison(shape, torch_device, rounds, _print_measurement)
    supported = comparison.supported(sides)
    peak = measure_peak(torch_device, comparison.dtype, side=256 if tiny else 8192)
    click.echo(_rate(peak), err=True)
    rooflines = {
        side: count_operations(shape, side=side, words=comparison.prompt_tokens)
        for side in supported
    }
    settings = _settings({"compile": True, **also} if compiled else also)
    with TemporaryDirectory(prefix="bottega-bench-") as folder:
        if load:
            comparison.save(folder)
        measurements = comparison.measure(supported, batches, settings)
        shown = _report(comparison, measurements, rooflines, peak)
        if load:
            shown["load_seconds"] = comparison.load_seconds(folder)
    click.echo(json.dumps(shown, indent=2) if as_json else _table(shown))


def _print_measurement(one: "Measurement") -> None:
    line = f"{one.path}, {one.side} px, {one.batch} at a time: {one.seconds:.4g} s"
    click.echo(line, err=True)


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    kinds: dict[str, Any] = {each.name: type(each.default) for each in fields(ServingMode)}
    if name not in kinds:
        raise click.BadParameter(f"{name!r} is not one of {', '.join(kinds)}")
    if kinds[name] is bool:
        return name, value == "true"
    try:
        return name, kinds[name](value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _settings(options: Options) -> dict[str, Options]:
    """The settings by name: without options, then with one more option each."""
    pairs = list(options.items())
    prefixes = [dict(pairs[:count]) for count in range(len(pairs) + 1)]
    return {"".join(f", {_label(*each)}" for each in some.items()): some for some in prefixes}


def _label(option: str, value: Any) -> str:
    return "compiled" if option == "compile" else f"{option} {value}"


def _report(
    comparison: "Comparison",
    measurements: "list[Measurement]",
    rooflines: "dict[int, Roofline]",
    peak: float,
) -> dict[str, Any]:
    from workers.bench.flux_comparison import STEPS  # noqa: PLC0415

    stock = {one.side: one for one in measurements if one.path == "stock"}

    def row(one: "Measurement") -> dict[str, Any]:
        bound = rooflines[one.side].seconds(peak, steps=STEPS, pictures=one.batch)
        return asdict(one) | {
            "pictures_per_second": one.pictures_per_second,
            "over_stock_ratio": one.pictures_per_second / stock[one.side].pictures_per_second,
            "floor_seconds": bound,
            "over_floor_ratio": one.seconds / bound,
            "peak_gigabytes": one.peak_bytes and one.peak_bytes / 1e9,
        }

    return {
        "steps": STEPS,
        "measured_peak_flops": peak,
        "build_seconds": comparison.build_seconds,
        "load_seconds": None,
        "floors": {side: asdict(roofline) for side, roofline in rooflines.items()},
        "entries": [row(one) for one in measurements],
    }


def _rate(peak: float) -> str:
    return f"A matrix product's rate: {peak / 1e12:.4g} TFLOP/s"


def _table(shown: dict[str, Any]) -> str:
    lines = [_rate(shown["measured_peak_flops"])]
    lines += [
        f"{side} px: {floor['parameters'] / 1e9:.4g} billion parameters, "
        f"TFLOP: {floor['step_flops'] / 1e12:.4g} a step, "
        f"{floor['decode_flops'] / 1e12:.4g} to decode"
        for side, floor in shown["floors"].items()
    ]
    lines.append(f"Built in {shown['build_seconds']:.1f} s")
    if shown["load_seconds"] is not None:
        lines.append(f"Loaded from a folder in {shown['load_seconds']:.1f} s")
    head = "".join(f"{heading:>12}" for heading in _COLUMNS)
    lines += ["", f"{'path':44}{'side':>6}{'batch':>6}{head}"]
    return "\n".join([*lines, *map(_line, shown["entries"])])


def _line(row: dict[str, Any]) -> str:
    cells = ("-" if row[name] is None else f"{row[name]:.4g}" for name in _COLUMNS.values())
    whose = f"{row['path']:44}{row['side']:6}{row['batch']:6}"
    return whose + "".join(f"{cell:>12}" for cell in cells)


if __name__ == "__main__":
    main()
