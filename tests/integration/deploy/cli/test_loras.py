"""LoRAs that operators offer to all tenants: stored, removed, and each time written down."""

import getpass
import hashlib
from pathlib import Path

import pytest
import safetensors.numpy
from numpy import zeros

from db.storage.keys import lora_key
from db.storage.local import LocalStore
from tests.support.commands import Commands


@pytest.fixture
def bottega(bottega: Commands, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The `bottega` command, with an empty store, too."""
    monkeypatch.setenv("BOTTEGA_STORE_DIR", str(store._root))
    return bottega


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    """A small file of LoRA matrices."""
    path = tmp_path / "lora.safetensors"
    safetensors.numpy.save_file({"x.lora_A.weight": zeros((1, 4), "float32")}, path)
    return path


def test_a_lora_that_is_offered_or_removed_is_in_the_audit_log(
    bottega: Commands, store: LocalStore, lora: Path
) -> None:
    data = lora.read_bytes()
    for _ in range(2):
        bottega.run("loras", "add", "watercolour", str(lora))
    assert store.get(lora_key("watercolour")).data == data
    bottega.run("loras", "remove", "watercolour")
    assert bottega.rows("loras", "list") == []
    assert "loras list" in bottega.run("loras", "remove", "watercolour", code=1)
    log = bottega.rows("audit")[::-1]
    now = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert [(row["action"], row["target"], row["before"], row["after"]) for row in log] == [
        ("lora.add", "watercolour", {}, now),
        ("lora.add", "watercolour", {"bytes": len(data)}, now),
        ("lora.remove", "watercolour", {"bytes": len(data)}, {}),
    ]
    assert {row["actor"] for row in log} == {f"cli:{getpass.getuser()}"}


def test_a_lora_is_not_stored_where_the_log_cannot_be_written(
    bottega: Commands, store: LocalStore, lora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/none")
    bottega.run("loras", "add", "watercolour", str(lora), code=1)
    assert list(store.list("loras/")) == []
