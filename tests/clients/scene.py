"""Facts of a stack for the clients' programs: its addresses, keys, and pictures to show."""

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from db.tenants import api_keys, tenants
from tests.acceptance.stack import Stack, run_bottega

SETTINGS = {
    # Webhooks of the programs come to this machine, by http.
    "BOTTEGA_OUTBOUND_ALLOW": '["127.0.0.0/8"]',
    "BOTTEGA_OUTBOUND_HTTP": "true",
    "BOTTEGA_OUTBOUND_PORTS": "[]",
}
_ALIASES = """\
[models."flux.1-demo"]
aliases = ["flux-dev", "flux-pro-1.0-fill", "gpt-image-1"]

[models."flux.2-demo"]
aliases = ["flux-kontext-pro"]
"""
_SIDE = 256


@dataclass(frozen=True)
class Scene:
    """A stack that programs use, and the folder of their facts.

    Attributes:
        stack: it runs, with TLS.
        folder: for the facts and pictures.
        tiers: of the tenants with plenty, without anything, and with a low rate.
    """

    stack: Stack
    folder: Path
    tiers: tuple[str, str, str]

    def facts(self, program: str) -> Path:
        """The file of a program's facts: with tenants of its own, so that programs differ."""
        key, poor, limited = (self._key(tier) for tier in self.tiers)
        facts = self.stack.facts
        told = {
            "url": facts["url"],
            "tls_url": facts["tls_url"],
            "authority": facts["tls_authority"],
            "key": key,
            "poor": poor,
            "limited": limited,
            "operator_key": facts["operator_key"],
            **{name: str(self.folder / f"{name}.png") for name in ("picture", "mask")},
            "alpha_mask": str(self.folder / "alpha_mask.png"),
        }
        path = self.folder / f"{program}.json"
        path.write_text(json.dumps(told))
        return path

    def _key(self, tier: str) -> str:
        with self.stack.database.transaction() as session:
            row = tenants.create(session, name=f"Clients {tier}", tier=tier)
            return api_keys.create(session, tenant_id=row.id, name="client")[1]


def write_catalogue(folder: Path) -> dict[str, str]:
    """A catalogue file by which names that clients carry reach a demo model; its setting."""
    path = folder / "models.toml"
    path.write_text(_ALIASES)
    return {"BOTTEGA_CATALOG": str(path)}


def prepare(stack: Stack, folder: Path) -> Scene:
    """The scene of a stack of the clients' own, with tiers as they need them."""
    limits = {
        "enterprise": ("--images-per-month", "100000", "--analyses-per-month", "100000"),
        "free": ("--images-per-month", "0", "--analyses-per-month", "0"),
        "standard": ("--requests-per-minute", "1"),
    }
    for tier, options in limits.items():
        done = run_bottega("--stack", str(stack.data_dir), "tiers", "set", tier, *options)
        assert done.returncode == 0, done.stderr
    draw(folder)
    return Scene(stack, folder, ("enterprise", "free", "standard"))


def draw(folder: Path) -> None:
    """Write the pictures that programs show."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (_SIDE, _SIDE), "white")
    circle = (_SIDE // 4, _SIDE // 4, 3 * _SIDE // 4, 3 * _SIDE // 4)
    ImageDraw.Draw(picture).ellipse(circle, fill="red")
    picture.save(folder / "picture.png")
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rectangle(circle, fill=255)
    mask.save(folder / "mask.png")
    picture.putalpha(mask.point(lambda value: 255 - value))
    picture.save(folder / "alpha_mask.png")
