"""`bottega catalog test`: try one model on one device, without a database or a queue."""

import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workers.adapters.serving.plan import ServingPlan
    from workers.bench.trial import Trial
    from workers.catalog import Variant
    from workers.catalog.serving import ServingRequest

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("test")
@click.option("--variant", "name", required=True, help="The model to try.")
@click.option("--device", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option("--precision", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option("--offload", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option("--attention", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option(
    "--random-weights",
    is_flag=True,
    help="Write weights of the model's true size with random numbers, and try these: seconds and "
    "memory without a download.",
)
@click.option(
    "--scratch", type=_FOLDER, help="The folder for random weights; a temporary one by default."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def try_model(
    name: str,
    device: str,
    precision: str,
    offload: str,
    attention: str,
    scratch: Path | None,
    *,
    random_weights: bool,
    as_json: bool,
) -> None:
    """Load a model on a device, run one job of its default size twice, and judge the result.

    \b
      bottega catalog test --variant flux.2-klein-4b
      bottega catalog test --variant flux.1-demo --device cpu
      bottega catalog test --variant flux.1-schnell --precision nf4 --random-weights
    Each line is PASS or FAIL: the load, the two jobs with their seconds, the same picture for the
    same seed, a picture that is neither flat nor full of invalid numbers, for the demo models the
    result that is expected, and on a GPU the peak of its memory, which may be a tenth off its
    plan. It exits with 1 when a line says FAIL. Stop the worker of that device before.
    """  # noqa: D301 - \b is click's mark of a paragraph to leave as it is
    from workers import catalog  # noqa: PLC0415
    from workers.settings import weights_overrides  # noqa: PLC0415

    variant = catalog.find(name)
    if variant.is_hosted:
        raise click.UsageError(f"{name} is hosted by its vendor: there is nothing to load")
    request = _request(precision, offload, attention)
    torch_device = pin(device, variant)
    overrides = weights_overrides()
    # Before gigabytes are written: random weights take what the published ones take.
    plan = _plan(
        variant,
        torch_device,
        request,
        _as_planned(overrides, variant, random_weights=random_weights),
    )
    with ExitStack() as stack:
        if random_weights:
            overrides |= _random_weights(variant, scratch, stack)
        trial = _run(variant, torch_device, plan, overrides, random_weights=random_weights)
    click.echo(json.dumps(trial.as_json(), indent=2) if as_json else _table(trial))
    if not trial.ok:
        raise click.exceptions.Exit(1)


def _request(precision: str, offload: str, attention: str) -> "ServingRequest":
    from workers.catalog.serving import Offload, Precision, ServingRequest  # noqa: PLC0415
    from workers.catalog.serving_settings import ServingSettings  # noqa: PLC0415

    try:
        asked = ServingRequest(Precision(precision), Offload(offload), attention)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return ServingSettings().request.overridden_by(asked)


def pin(device: str, variant: "Variant") -> str:
    """Choose, pin and check the device, as a worker does; torch's name for it."""
    from workers.adapters.cuda_check import check_card, check_torch, import_torch  # noqa: PLC0415
    from workers.adapters.device_choice import choose_device, cpu_warning  # noqa: PLC0415
    from workers.adapters.pinning import pin_device  # noqa: PLC0415

    choice = choose_device(device, [variant])
    if choice.reason:
        click.echo(choice.reason, err=True)
    torch_device = pin_device(choice.name)
    if torch_device == "cpu":
        click.echo(cpu_warning([variant]), err=True, nl=bool(cpu_warning([variant])))
        return torch_device
    torch = import_torch()
    check_torch(torch)
    check_card(torch, 0, choice.name)
    return torch_device


def _as_planned(
    overrides: dict[str, str], variant: "Variant", *, random_weights: bool
) -> dict[str, str]:
    """The local folders that the plan goes by: none of the model's own where random ones come."""
    from workers.adapters.weights import override_variable  # noqa: PLC0415
    from workers.bench.random_checkpoints import SHAPES  # noqa: PLC0415

    if not random_weights:
        return overrides
    if variant.id not in SHAPES:
        raise click.UsageError(
            f"random weights can be written for {', '.join(SHAPES)}, not for {variant.id}"
        )
    own = override_variable(variant.id)
    return {name: folder for name, folder in overrides.items() if name != own}


def _random_weights(variant: "Variant", scratch: Path | None, stack: ExitStack) -> dict[str, str]:
    """The folder of random weights by its variable; it is removed when the stack is left."""
    from workers.adapters.weights import override_variable  # noqa: PLC0415
    from workers.bench.random_checkpoints import (  # noqa: PLC0415
        SHAPES,
        ScratchError,
        write_checkpoint,
    )

    try:
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix="bottega-random-", dir=scratch)
        folder = Path(stack.enter_context(temporary))
        click.echo(f"writing random weights into {folder} …", err=True)
        size = write_checkpoint(SHAPES[variant.id], folder)
    except (ScratchError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {size / 1e9:.1f} GB", err=True)
    return {override_variable(variant.id): str(folder)}


def _plan(
    variant: "Variant", device: str, request: "ServingRequest", overrides: dict[str, str]
) -> "ServingPlan":
    from workers.adapters.serving.device_budget import of_device  # noqa: PLC0415
    from workers.adapters.serving.memory_plan import plan_variant  # noqa: PLC0415
    from workers.settings import MemorySettings  # noqa: PLC0415

    memory = MemorySettings().device_memory_bytes
    return plan_variant(variant, of_device(device, memory), request, overrides)


def _run(
    variant: "Variant",
    device: str,
    plan: "ServingPlan",
    overrides: dict[str, str],
    *,
    random_weights: bool,
) -> "Trial":
    from workers.bench.trial import run_trial  # noqa: PLC0415

    return run_trial(variant, device, plan, overrides, has_random_weights=random_weights)


def _table(trial: "Trial") -> str:
    lines = [
        f"{'PASS' if finding.ok else 'FAIL'}  {finding.name:<12}{finding.detail}"
        for finding in trial.findings
    ]
    reason = f"{trial.variant} on {trial.device}: {trial.plan.reason}"
    return "\n".join([reason, *lines, "PASS" if trial.ok else "FAIL"])
