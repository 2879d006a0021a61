"""`python -m workers.bench.florence2_large`: Florence-2-large at its true size, without weights."""

import json

import click

from workers.adapters.pinning import DeviceError, pin

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
    "--tokens", type=click.IntRange(2, 1023), default=64, show_default=True, help="Of each answer."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--stock-pictures",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Pictures that the stock classes look at in a round.",
)
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=True,
    show_default=True,
    help="A compiled greedy path as well, on CUDA.",
)
@click.option(
    "--card",
    type=click.Choice(["h100", "h200"]),
    default="h100",
    show_default=True,
    help="Whose peaks, by NVIDIA's data sheets (SXM), the floor is computed from.",
)
@click.option("--peak-tflops", type=float, help="Or these: dense bfloat16 TFLOP/s …")
@click.option("--bandwidth-tb", type=float, help="… and TB/s of its memory.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Of the processor, for the model's arithmetic where there is no other device.",
)
@click.option("--tiny", is_flag=True, help="A model of 0.6 million parameters: does all this work?")
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
    """Caption pictures with Florence-2-large at its true size, on a machine with an accelerator.

    The weights are random, so nothing is downloaded, and every answer is made equally long: what
    is said means nothing, what it costs is what the real checkpoint costs for answers of that
    length. transformers' own classes, picture by picture, take turns with the service's adapter
    in batches, with the stock width of the beam search and greedy.

    captions/s: the adapter's with pictures prepared beforehand, as a worker's other threads do
    while the device is busy; "in turn" adds that time. Of the stock classes both include it.
    x stock: captions/s over the stock classes' with as many beams. Floor: the least time of a
    call in which the card could do the arithmetic and read weights, cached keys and values; on
    the CPU there is none.
    """
    try:
        torch_device = pin(device)
    except DeviceError as error:
        raise click.UsageError(str(error)) from error
    # Not at the top: the device must be pinned before anything imports torch.
    import torch  # noqa: PLC0415

    from workers.bench.florence2_contest import Contest  # noqa: PLC0415
    from workers.bench.florence2_floor import CARDS, Card, count  # noqa: PLC0415
    from workers.bench.florence2_report import Report  # noqa: PLC0415
    from workers.bench.florence2_sizes import LARGE, TINY  # noqa: PLC0415

    torch.set_num_threads(threads)
    shape = TINY if tiny else LARGE
    click.echo("Building the model and warming up; what is compiled takes minutes.", err=True)
    peaks = Card(
        flops=peak_tflops * _TERA if peak_tflops else CARDS[card].flops,
        bandwidth=bandwidth_tb * _TERA if bandwidth_tb else CARDS[card].bandwidth,
    )
    on_cuda = torch_device == "cuda"
    contest = Contest(shape, torch_device, tokens, compiled=on_cuda and compiled)
    entries = contest.entries(batches, rounds, stock_pictures)
    report = Report(entries, count(shape, tokens), peaks if on_cuda else None, tokens)
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else report.as_table())


if __name__ == "__main__":
    main()
