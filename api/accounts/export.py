"""The export of a tenant's data: one ZIP file with its rows as JSON, and its pictures and results.

It is read in pages, each in a transaction of its own: neither its size nor the speed of its reader
keeps a transaction or memory. Rows that change meanwhile are shown as they were when they were
read.
"""

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from sqlalchemy.orm import Session

from api.accounts.archive import Archive
from api.core.domain_errors import NotFoundError
from db.core.session import Database
from db.reports import export
from db.reports.export import RowSource
from db.storage.object_store import ObjectNotFoundError, ObjectStore
from db.values.artifact_kinds import SUFFIXES

_PAGE = 200
_PIECE_BYTES = 2**18

README = """\
This archive has what the service stores about the account in account.json.

account.json      the account: its name, tier, balance in micro-USD, monthly allowances
keys.jsonl        the API keys: ids, names and times; the keys themselves are not stored
jobs.jsonl        the jobs: input with its prompt, metadata, state, output, price in micro-USD
files.jsonl       the pictures that were sent, alone or with a job
uploads.jsonl     further ids of uploads, with the file names that were given
files/            the pictures and LoRAs that were sent, named by the SHA-256 of their bytes; a
                  job's input names one as inputs/ACCOUNT/SHA-256
results/          the results of jobs, in a folder for each job, by their numbers
usage.jsonl       the settled jobs, as they were billed
ledger.jsonl      the movements of the balance
webhooks.jsonl    the receivers of webhooks
deliveries.jsonl  the webhooks that were sent to them, or are to be
audit.jsonl       what operators did with the account, its keys and its jobs
manifest.json     each file of this archive with its size and SHA-256, the number of rows, and
                  objects that could not be read

A .jsonl file has one JSON object in each line. Times are in UTC.
"""


class ExportServices(Protocol):
    """The services of an export; `api.services.Services` has them."""

    @property
    def database(self) -> Database:
        """The rows."""

    @property
    def store(self) -> ObjectStore:
        """The objects."""


class TenantExport:
    """One export.

    Args:
        services: the connections.
        tenant_id: the tenant.
        check: called in each transaction; it raises where the reader may no longer read.

    Raises:
        NotFoundError: there is no such tenant.
    """

    def __init__(
        self,
        services: ExportServices,
        tenant_id: str,
        check: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        self._database = services.database
        self._store = services.store
        self._tenant_id = tenant_id
        self._check = check
        self._archive = Archive()
        self._rows: dict[str, int] = {}
        self._missing: list[str] = []
        with self._database.transaction(durable=False) as session:
            account = export.account(session, tenant_id)
        if account is None:
            raise NotFoundError("tenant")
        self._account = account

    def pieces(self) -> Generator[bytes]:
        """The ZIP file, in pieces.

        Raises:
            db.storage.object_store.StoreError: the object store failed; the file is incomplete.
        """
        began = datetime.now(UTC)
        yield from self._add("README.txt", [README.encode()])
        yield from self._add("account.json", [_as_json(self._account, indent=2)])
        for name, source in export.SOURCES.items():
            yield from self._add(f"{name}.jsonl", self._lines(name, source))
        with TemporaryDirectory(prefix="bottega-export-") as folder:
            for name, key in self._objects():
                yield from self._add_object(name, key, Path(folder) / "object")
        yield from self._add("manifest.json", [_as_json(self._manifest(began), indent=2)])
        yield from self._archive.close()

    def _add(self, name: str, contents: Iterable[bytes]) -> Iterator[bytes]:
        return self._archive.add(name, contents, compressed=True)

    def _lines(self, name: str, source: RowSource) -> Iterator[bytes]:
        self._rows[name] = 0
        for rows in self._pages(source):
            self._rows[name] += len(rows)
            yield b"".join(_as_json(row) + b"\n" for row in rows)

    def _pages(self, source: RowSource) -> Iterator[list[dict[str, Any]]]:
        after: object | None = None
        while True:
            with self._database.transaction(durable=False) as session:
                self._check(session)
                page = source.page(session, self._tenant_id, after=after, limit=_PAGE)
            if not page:
                return
            after = page[-1][0]
            yield [row for _, row in page]

    def _objects(self) -> Iterator[tuple[str, str]]:
        """The names in the archive and the keys of inputs, then of results."""
        for inputs in self._pages(export.INPUTS):
            keys = [str(row["key"]) for row in inputs]
            with self._database.transaction(durable=False) as session:
                kinds = export.media_types(session, self._tenant_id, keys)
            for key in keys:
                suffix = SUFFIXES[kinds[key]] if key in kinds else "safetensors"
                yield f"files/{key.rpartition('/')[2]}.{suffix}", key
        for jobs in self._pages(export.JOBS):
            with self._database.transaction(durable=False) as session:
                results = export.stored_results(session, [row["id"] for row in jobs])
            for row in results:
                yield f"results/{row.job_id}/{row.n}.{SUFFIXES[row.media_type]}", row.key

    def _add_object(self, name: str, key: str, path: Path) -> Iterator[bytes]:
        try:
            self._store.get_file(key, path)
        except ObjectNotFoundError:  # expired or removed meanwhile
            self._missing.append(name)
            return iter(())
        return self._archive.add(name, _pieces_of(path), compressed=False)

    def _manifest(self, began: datetime) -> dict[str, Any]:
        files = [
            {"name": entry.name, "bytes": entry.size_bytes, "sha256": entry.sha256}
            for entry in self._archive.entries
        ]
        return {
            "account": self._tenant_id,
            "exported_at": began,
            "rows": self._rows,
            "files": files,
            "missing": self._missing,
        }


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _as_json(value: object, *, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(type(value).__name__)
