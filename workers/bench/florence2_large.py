"""`python -m workers.bench.florence2_large`: Florence-2-large at full size with random weights."""

import json

import click

from workers.adapters.pinning import DeviceError, pin_device

_TERA = 1e12


@click.command()
@click.option("--device", default="cuda:0", show_default=True, help="cpu or cuda:N.")
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1),
    multiple=True,
    default=(1, 8, 32, 64),
    show_default=True,
    help="Repeatable.",
)
@click.option(
    "--tokens", type=click.IntRange(2, 1023), default=64, show_default=True, help="Per answer."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--stock-pictures",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Pictures per round for the stock classes.",
)
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=True,
    show_default=True,
    help="Also measure a compiled greedy path, on CUDA.",
)
@click.option(
    "--card",
    type=click.Choice(["h100", "h200"]),
    default="h100",
    show_default=True,
    help="Card whose peaks, by NVIDIA's data sheets (SXM), the floor is computed from.",
)
@click.option("--peak-tflops", type=float, help="Instead of --card: dense bfloat16 TFLOP/s.")
@click.option("--bandwidth-tb", type=float, help="Instead of --card: TB/s of memory.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads of the processor, for the arithmetic of the model on a CPU.",
)
@click.option(
    "--tiny", is_flag=True, help="Use a model of 0.6 million parameters, to test the command."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(  # noqa: PLR0913 - one for each option
    *,
    device: str,
    batches: tuple[int, ...],
    tokens: int,
    rounds: int,
    stock_pictures: int,
    compiled: bool,
    card: str,
    peak_tflops: float | None,
    bandwidth_tb: float | None,
    threads: int,
    tiny: bool,
    as_json: bool,
) -> None:
    """Caption pictures with Florence-2-large at full size, on a machine with an accelerator.

    The weights are random, so nothing is downloaded, and every answer has the same length. The
    answers are meaningless, but the costs are those of the real checkpoint for answers of that
    length. Measurements of transformers' own classes, picture by picture, are interleaved with
    those of the service's adapter in batches, with the default width of the beam search and with
    greedy decoding.

    captions/s: for the adapter without the preparation of pictures, which a worker's other
    threads do while the device is busy; "in turn" includes it. For the stock classes both include
    it. x stock: captions/s relative to the stock classes with as many beams. floor: the lower
    bound (roofline) of a call's time, in which the card could do the arithmetic and read weights,
    cached keys and values; there is none for the CPU.
    """
    try:
        torch_device = pin_device(device)
    except DeviceError as error:
        raise click.UsageError(str(error)) from error
    # Imported late: the device must be pinned before torch is imported.
    import torch  # noqa: PLC0415

    from workers.bench.florence2_comparison import Comparison  # noqa: PLC0415
    from workers.bench.florence2_report import Report  # noqa: PLC0415
    from workers.bench.florence2_roofline import CARD_PEAKS, DevicePeaks, count_operations  # noqa: PLC0415
    from workers.bench.florence2_sizes import LARGE, TINY  # noqa: PLC0415

    torch.set_num_threads(threads)
    shape = TINY if tiny else LARGE
    click.echo("Building the model and warming up; compilation takes minutes.", err=True)
    peaks = DevicePeaks(
        flops=peak_tflops * _TERA if peak_tflops else CARD_PEAKS[card].flops,
        bandwidth=bandwidth_tb * _TERA if bandwidth_tb else CARD_PEAKS[card].bandwidth,
    )
    on_cuda = torch_device == "cuda"
    comparison = Comparison(shape, torch_device, tokens, compiled=on_cuda and compiled)
    measurements = comparison.measure(batches, rounds, stock_pictures)
    report = Report(
        measurements, count_operations(shape, tokens), peaks if on_cuda else None, tokens
    )
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else report.as_table())


if __name__ == "__main__":
    main()
