"""`python -m workers.bench.flux_large`: FLUX at its true size, without weights."""

import json
from dataclasses import asdict
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from workers.adapters.pinning import DeviceError, pin
from workers.catalog.flux.row_parts import SPEED

if TYPE_CHECKING:
    from workers.bench.flux_contest import Contest, Entry
    from workers.bench.flux_floor import Floor
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
    help="Of the square pictures, in pixels; what the row does not take is left out. Repeatable.",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1),
    multiple=True,
    default=(1, 2, 4),
    show_default=True,
    help="Repeatable.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=True,
    show_default=True,
    help="Compiled transformers as well.",
)
@click.option(
    "--also",
    metavar="OPTION=VALUE",
    callback=lambda _context, _parameter, given: dict(map(_option, given)),
    multiple=True,
    help="One setting more, with another of a row's options, such as fp8=dynamic, "
    "channels_last=true or attention=_native_cudnn. Repeatable; each keeps those before it.",
)
@click.option(
    "--load", is_flag=True, help="Write the model to a temporary folder, and time its loading."
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="On a CPU.")
@click.option("--tiny", is_flag=True, help="A few thousand parameters: does all this work?")
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
    """Paint with FLUX at its true size, in four steps, on a machine with an accelerator.

    The weights are random, so nothing is downloaded: what is painted means nothing, what it costs
    is what the real checkpoint costs. diffusers' own pipeline, picture by picture, takes turns
    with the service's adapter in batches, as they are, with a compiled transformer, and with what
    else a row may ask for; batches end where a call would have more than four megapixels.

    x stock: pictures/s over the stock pipeline's of that size that is not compiled; the stock
    pipeline encodes its prompt each time, the adapter keeps it. Floor: the least time of a call
    in which the device could do the arithmetic of all steps and the decoding, at the rate of a
    large matrix product measured here.
    """
    try:
        torch_device = pin(device)
    except DeviceError as error:
        raise click.UsageError(str(error)) from error
    # Not at the top: the device must be pinned before anything imports torch.
    import torch  # noqa: PLC0415

    from workers.bench.flux_contest import Contest  # noqa: PLC0415
    from workers.bench.flux_floor import count, measured_peak  # noqa: PLC0415
    from workers.bench.flux_sizes import (  # noqa: PLC0415
        KLEIN_4B,
        SCHNELL,
        TINY_KLEIN,
        TINY_SCHNELL,
    )

    torch.set_num_threads(threads)
    by_name = {"schnell": (SCHNELL, TINY_SCHNELL), "klein-4b": (KLEIN_4B, TINY_KLEIN)}
    shape: FluxShape = by_name[model][tiny]
    click.echo("Building the model and warming up; what is compiled takes minutes.", err=True)
    contest = Contest(shape, torch_device, rounds, _tell)
    fitting = contest.fitting(sides)
    peak = measured_peak(torch_device, contest.dtype, side=256 if tiny else 8192)
    click.echo(_rate(peak), err=True)
    floors = {side: count(shape, side=side, words=contest.words) for side in fitting}
    settings = _settings({"compile": True, **also} if compiled else also)
    with TemporaryDirectory(prefix="bottega-bench-") as folder:
        if load:
            contest.write(folder)
        entries = contest.entries(fitting, batches, settings)
        shown = _report(contest, entries, floors, peak)
        if load:
            shown["load_seconds"] = contest.load_seconds(folder)
    click.echo(json.dumps(shown, indent=2) if as_json else _table(shown))


def _tell(entry: "Entry") -> None:
    told = f"{entry.path}, {entry.side} px, {entry.batch} at a time: {entry.seconds:.4g} s"
    click.echo(told, err=True)


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if name not in SPEED:
        raise click.BadParameter(f"{name!r} is none of {', '.join(SPEED)}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _settings(options: Options) -> dict[str, Options]:
    """From none of the options to all, by what is told of them."""
    asked = list(options.items())
    growing = [dict(asked[:count]) for count in range(len(asked) + 1)]
    return {"".join(f", {_named(*each)}" for each in some.items()): some for some in growing}


def _named(option: str, value: Any) -> str:
    return "compiled" if option == "compile" else f"{option} {value}"


def _report(
    contest: "Contest", entries: "list[Entry]", floors: "dict[int, Floor]", peak: float
) -> dict[str, Any]:
    from workers.bench.flux_contest import STEPS  # noqa: PLC0415

    stock = {entry.side: entry for entry in entries if entry.path == "stock"}

    def row(entry: "Entry") -> dict[str, Any]:
        floor = floors[entry.side].seconds(peak, steps=STEPS, pictures=entry.batch)
        return asdict(entry) | {
            "pictures_per_second": entry.pictures_per_second,
            "over_stock_ratio": entry.pictures_per_second / stock[entry.side].pictures_per_second,
            "floor_seconds": floor,
            "over_floor_ratio": entry.seconds / floor,
            "peak_gigabytes": entry.peak_bytes and entry.peak_bytes / 1e9,
        }

    return {
        "steps": STEPS,
        "measured_peak_flops": peak,
        "build_seconds": contest.build_seconds,
        "load_seconds": None,
        "floors": {side: asdict(floor) for side, floor in floors.items()},
        "entries": [row(entry) for entry in entries],
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
