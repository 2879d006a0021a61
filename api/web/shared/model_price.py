"""The price of a model as text, for the pages of tenants and operators."""

from api.web.shared.formats import money
from db.values.pricing import UnitKind
from workers.catalog import Variant

_UNITS = {UnitKind.IMAGES: "a picture", UnitKind.ANALYSES: "a task"}


def price_text(variant: Variant) -> str:
    """The price of the first unit or megapixel: "$0.001 a picture"."""
    rule = variant.price.describe()
    first = rule.get("unit_micros", rule.get("first_micros"))
    per = _UNITS[variant.unit_kind] if rule["per"] == "unit" else "a megapixel"
    return f"{money(first if isinstance(first, int) else None)} {per}"
