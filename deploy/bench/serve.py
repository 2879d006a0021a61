"""`python -m deploy.bench.serve api|worker`: the service's processes with the no-op models."""

import click

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.settings import StorageSettings, open_store
from deploy.bench.noop import BLANK, DOT, NOOP, BlankAdapter, NoopAdapter
from deploy.process import logging as logs
from workers.runtime.model_cache import ServedModel
from workers.runtime.process import WorkerProcess
from workers.settings import WorkerSettings


@click.group()
def main() -> None:
    """Run the benchmark's variants of `bottega api` and `bottega worker`."""
    logs.configure()


@main.command()
@click.option("--host", required=True)
@click.option("--port", type=int, required=True)
def api(host: str, port: int) -> None:
    """Run `bottega api` with the no-op models."""
    from api.server.run import serve  # noqa: PLC0415

    serve("deploy.bench.api:create_bench_app", host, port)


@main.command()
@click.option("--device", required=True)
@click.option("--id", "worker_id", required=True)
@click.option("--variant", "variants", multiple=True)
def worker(device: str, worker_id: str, variants: tuple[str, ...]) -> None:
    """Run `bottega worker` with the no-op models."""
    WorkerProcess(
        variant_ids=variants,
        device=device,
        database=Database(DatabaseSettings()),
        store=open_store(StorageSettings()),
        settings=WorkerSettings(),
        id=worker_id,
        extra=(
            ServedModel(NOOP, NoopAdapter()),
            ServedModel(BLANK, BlankAdapter()),
            ServedModel(DOT, BlankAdapter(paints=True)),
        ),
    ).run()


if __name__ == "__main__":
    main()
