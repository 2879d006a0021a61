"""The `bottega` command."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.cli.lazy import LazyGroup
from deploy.process import logging as logs
from deploy.process.umask import keep_files_private

if TYPE_CHECKING:
    from api.server.tls import TlsPort
    from deploy.local.fleet import Fleet
    from deploy.local.stack import LocalStack

# A command imports its libraries when it runs: `bottega --help` must not wait for torch.

_DATA_DIR = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_PORT = click.IntRange(0, 65535)

_device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="The device that runs the models: auto (the GPU with most free memory; the CPU where "
    "there is none, and for demo and hosted models), cpu, cuda, cuda:N, cuda:GPU-<uuid> or "
    "MIG-<uuid>.",
)


def _serving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how models are served; each is given as "" where it is not used."""
    precisions, offloads = "auto|bf16|fp16|fp8|int8|nf4|stored", "auto|none|text|blocks"
    options = (
        click.option(
            "--precision",
            type=click.Choice(precisions.split("|")),
            help="The number format of large weights (BOTTEGA_PRECISION); auto: the best that "
            "fits the free memory.",
        ),
        click.option(
            "--offload",
            type=click.Choice(offloads.split("|")),
            help="What waits in the host's memory (BOTTEGA_OFFLOAD): nothing, the text encoders, "
            "or also the transformer's blocks.",
        ),
        click.option("--attention", help="diffusers' name of attention kernels, or auto."),
        click.option(
            "--compile",
            type=click.Choice(["auto", "on", "off"]),
            help="Compile the transformer's blocks (BOTTEGA_COMPILE).",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bottega")
@click.option("--stack", type=_DATA_DIR, help="Use the local stack of this data folder.")
def main(stack: Path | None) -> None:
    """Bottega: a self-hosted job service for Florence-2 and FLUX.

    Start with `bottega up` (a whole stack on this machine) or `bottega demo` (the same, then one
    picture is painted and analyzed). On several machines, run `migrate` once, then `api`,
    `courier` and one `fleet` per machine, with DATABASE_URL, REDIS_URL and S3_… set.

    `bottega --stack .bottega doctor` (or tenants, keys …) takes these settings from the data
    folder of a local stack.
    """
    logs.configure()
    keep_files_private()
    if stack is not None:
        os.environ.update(_read_settings(stack))


def _read_settings(stack: Path) -> dict[str, str]:
    from deploy.local.credentials import SETTINGS_FILE  # noqa: PLC0415

    try:
        settings: dict[str, str] = json.loads((stack / SETTINGS_FILE).read_text())
    except OSError as error:
        raise click.ClickException(
            f"no stack was started in {stack}: `bottega up` starts one; `bottega doctor` without "
            "--stack checks this machine alone"
        ) from error
    return settings


@main.command()
@click.option("--data-dir", type=_DATA_DIR, default=Path(".bottega"), show_default=True)
@click.option("--port", type=_PORT, default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--tls",
    "tls_port",
    type=_PORT,
    is_flag=False,
    flag_value=8443,
    metavar="[PORT]",
    help="Also answer by https, on this port (8443; 0 takes a free one), with a certificate that "
    "is made in the data folder: for clients that insist on https.",
)
@click.option("--ready-file", type=_FILE, help="JSON file to write when everything is ready.")
@_device_option
@click.option("--variant", "variants", multiple=True, help="A model to serve; repeatable.")
@_serving_options
def up(
    data_dir: Path,
    port: int,
    tls_port: int | None,
    ready_file: Path | None,
    device: str,
    variants: tuple[str, ...],
    **serving: str | None,
) -> None:
    """Start the local stack and stay in the foreground; Ctrl-C stops all of it.

    It serves the demo models unless --variant names others. Weights that are not on this machine
    are downloaded first; a download that Ctrl-C breaks off goes on where it was the next time.
    PostgreSQL and Redis come with the package; if the environment has DATABASE_URL, REDIS_URL or
    S3_…, these are used instead.
    """
    from deploy.local.stack import DEMO_VARIANTS, LocalStack  # noqa: PLC0415
    from deploy.local.supervisor import stop_on_signals  # noqa: PLC0415

    models = variants or DEMO_VARIANTS
    stack = LocalStack(data_dir, port, models, device, _given(serving), tls_port)
    with stop_on_signals() as stopping:
        _run_stack(stack, ready_file, stopping)


def _given(options: dict[str, str | None]) -> dict[str, str]:
    """The options of the command line that were used."""
    return {name: value for name, value in options.items() if value is not None}


def _run_stack(stack: "LocalStack", ready_file: Path | None, stopping: threading.Event) -> None:
    from deploy.local.start_progress import StartStoppedError  # noqa: PLC0415

    try:
        stack.start(stopping)
        facts = stack.facts()
        if ready_file is not None:
            _write_atomically(ready_file, json.dumps(facts, indent=2))
        for problem in stack.model_problems().values():
            click.echo(f"could not be loaded, and is tried again with later jobs: {problem}")
        click.echo(_greeting(facts, stack.sign_in_link(), stack.served_variant()))
        stack.watch(stopping)
    except StartStoppedError:
        click.echo("stopped before it was ready; a download goes on where it was", err=True)
    finally:
        stack.stop()


def _write_atomically(path: Path, text: str) -> None:
    """Write a file by renaming: a program that waits for it never reads half of it."""
    from deploy.local.servers.secret_file import write_private  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    write_private(part, text)
    part.rename(path)


def _greeting(facts: dict[str, Any], link: str, variant: str) -> str:
    from deploy.local.example_job import example_job  # noqa: PLC0415
    from workers import catalog  # noqa: PLC0415

    url, key, operator_key = facts["url"], facts["api_key"], facts["operator_key"]
    body = json.dumps(example_job(catalog.find(variant)))
    return (
        f"Bottega answers at {url} (its API at {url}/docs, its dashboard at {url}/dashboard/).\n"
        f"The playground, signed in (once, within 15 minutes; `bottega sign-in-link` prints "
        f"another):\n  {link}\n"
        "Ctrl-C stops it. In another terminal:\n\n"
        f"export KEY={key}\n"
        f"export OPERATOR_KEY={operator_key}  # opens the dashboard\n"
        f'curl -s {url}/v1/jobs -H "Authorization: Bearer $KEY" \\\n'
        f"  -H 'Content-Type: application/json' -H 'Prefer: wait=30' -d '{body}'\n"
        f"{_tls_greeting(facts)}"
    )


def _tls_greeting(facts: dict[str, Any]) -> str:
    """The lines by which clients trust the certificate of the TLS port; empty without one."""
    if "tls_url" not in facts:
        return ""
    authority = facts["tls_authority"]
    return (
        f"\nIt also answers at {facts['tls_url']}, by a certificate of its own authority, which "
        f"clients trust by:\n\n"
        f"export SSL_CERT_FILE={authority}  # Python\n"
        f"export NODE_EXTRA_CA_CERTS={authority}  # Node\n"
    )


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=_PORT, default=8000, show_default=True)
@click.option("--tls-port", type=_PORT, help="A second port, by https; needs --tls-certificate.")
@click.option(
    "--tls-certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with the private key and the certificate of the second port.",
)
def api(host: str, port: int, tls_port: int | None, tls_certificate: Path | None) -> None:
    """Run one API process; any number of them can run behind a load balancer.

    It needs DATABASE_URL, REDIS_URL, BOTTEGA_URL_SECRET (the same for all API processes) and an
    object store (BOTTEGA_STORE_DIR or S3_…).
    """
    from api.server.run import serve  # noqa: PLC0415
    from deploy.process.malloc import limit_malloc_arenas  # noqa: PLC0415
    from workers import catalog  # noqa: PLC0415

    catalog.installed()  # a fault of the operator's file is told before anything is started
    limit_malloc_arenas()
    serve("api.app:create_app", host, port, _tls(host, tls_port, tls_certificate))


def _tls(host: str, port: int | None, certificate: Path | None) -> "TlsPort | None":
    from api.server.tls import open_tls_port  # noqa: PLC0415

    if port is None and certificate is None:
        return None
    if port is None or certificate is None:
        raise click.UsageError("--tls-port and --tls-certificate belong together")
    try:
        return open_tls_port(host, port, certificate)
    except OSError as error:
        raise click.ClickException(f"no TLS on port {port} by {certificate}: {error}") from error


@main.command()
@_device_option
@click.option(
    "--variant", "variants", multiple=True, required=True, help="A model to serve; repeatable."
)
@click.option("--id", "worker_id", help="The worker's id; a random one by default.")
@_serving_options
def worker(
    device: str, variants: tuple[str, ...], worker_id: str | None, **serving: str | None
) -> None:
    """Run one worker: one device, and the models that it serves.

    On SIGTERM it finishes its running jobs, then ends. A fault that a restart does not mend ends
    it with status 78 and one sentence, which its row keeps: `bottega workers list` shows it.

    BOTTEGA_WEIGHTS_<MODEL> (FLUX.1-schnell: BOTTEGA_WEIGHTS_FLUX_1_SCHNELL) names a local folder
    with the model's weights, to use instead of the hub. Hosted models (flux.2-pro …) need no
    device: BOTTEGA_RELAY_URL and BOTTEGA_RELAY_KEY name the upstream API that runs them.
    BOTTEGA_CONTENT_FILTERS names a file of content filters.
    """
    from db.core.base import new_id  # noqa: PLC0415
    from db.core.session import Database  # noqa: PLC0415
    from db.core.settings import DatabaseSettings  # noqa: PLC0415
    from db.storage.settings import StorageSettings, open_store  # noqa: PLC0415
    from deploy.cli.errors import worker_faults  # noqa: PLC0415
    from deploy.process.malloc import limit_malloc_arenas  # noqa: PLC0415
    from workers import catalog  # noqa: PLC0415
    from workers.catalog.serving_settings import ServingSettings  # noqa: PLC0415
    from workers.runtime.process import WorkerProcess  # noqa: PLC0415
    from workers.settings import WorkerSettings  # noqa: PLC0415

    with worker_faults():
        rows = [catalog.find(name) for name in variants]
        if all(row.weights is None for row in rows):
            limit_malloc_arenas()  # not with a model library: it manages memory in its own way
        WorkerProcess(
            variant_ids=[row.id for row in rows],
            device=device,
            database=Database(DatabaseSettings()),
            store=open_store(StorageSettings()),
            settings=WorkerSettings(),
            serving=ServingSettings.model_validate(_given(serving)).request,
            id=worker_id or new_id("wrk"),
        ).run()


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--log-dir", type=_DATA_DIR, default=Path(".bottega/logs"), show_default=True)
@click.option(
    "--check",
    is_flag=True,
    help="Read the file, print the workers' commands and how their models fit, and stop; "
    "status 1 if one does not.",
)
def fleet(file: Path, log_dir: Path, *, check: bool) -> None:
    """Start one worker for each device that FILE lists, and restart workers that end.

    \b
    FILE is TOML:
      [[workers]]
      device = "cuda:0"
      variants = ["flux.1-schnell"]
      metrics_port = 9400
      precision = "nf4"     # and offload, attention, compile: as the options of `worker`
      memory = "20GB"       # device memory that its models may take; all that is free by default
    On SIGTERM all workers finish their running jobs at the same time.
    """  # noqa: D301 - \b is click's mark of a paragraph to leave as it is
    from deploy.cli.errors import worker_faults  # noqa: PLC0415
    from deploy.local.fleet import fleet_stop_seconds, programs, read_fleet  # noqa: PLC0415
    from deploy.local.supervisor import Supervisor, stop_on_signals  # noqa: PLC0415

    with worker_faults():
        parsed = read_fleet(file)
    started = programs(parsed)
    if check:
        _check_fleet(
            parsed,
            [f"{program.name}: bottega {' '.join(program.arguments)}" for program in started],
        )
        return
    supervisor = Supervisor(log_dir, stop_seconds=fleet_stop_seconds(parsed))
    with stop_on_signals() as stopping:
        try:
            supervisor.start(*started)
            supervisor.watch(stopping)
        finally:
            supervisor.stop_together()


def _check_fleet(parsed: "Fleet", command_lines: list[str]) -> None:
    """Print each worker's command and how it would serve its models; status 1 if one cannot."""
    from deploy.cli.models.fits import of_worker  # noqa: PLC0415

    all_fit = True
    for worker, line in zip(parsed.workers, command_lines, strict=True):
        click.echo(line)
        for fit in of_worker(worker):
            click.echo(f"  {fit.line}")
            all_fit = all_fit and fit.ok is not False
    if not all_fit:
        raise click.exceptions.Exit(1)


@main.command()
def courier() -> None:
    """Send webhooks, and run maintenance: lost leases, expired jobs, missing tickets, retention.

    Several couriers may run. Webhooks go to public addresses by https only;
    BOTTEGA_OUTBOUND_ALLOW and BOTTEGA_OUTBOUND_HTTP name the exceptions. Webhooks in the form of a
    compatible API need BOTTEGA_URL_SECRET, the API's own.
    """
    from api.compat.webhook_forms import forms_of_environment  # noqa: PLC0415
    from deploy.local.supervisor import stop_on_signals  # noqa: PLC0415
    from workers.courier.process import run_courier  # noqa: PLC0415

    with stop_on_signals() as stopping:
        run_courier(stopping, forms_of_environment())


if __name__ == "__main__":
    main()
