"""The table of foreign names in deploy/clients/names.md; `python -m tests.support.names_table`."""

from pathlib import Path

from api.compat.shared.names import BFL, FAL, HUGGINGFACE, REPLICATE
from workers import catalog

PAGE = Path(__file__).parents[2] / "deploy" / "clients" / "names.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of the table -->\n"

_COLUMNS = {"Replicate": REPLICATE, "fal": FAL, "BFL": BFL, "Hugging Face": HUGGINGFACE}


def table() -> str:
    """The rows of every variant that another service has a name for, in the catalogue's order."""
    lines = [f"| variant | {' | '.join(_COLUMNS)} |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for variant in catalog.installed().variants():
        cells = [
            ", ".join(f"`{name}`" for name, variant_id in names.items() if variant_id == variant.id)
            for names in _COLUMNS.values()
        ]
        if any(cells):
            lines.append(f"| `{variant.id}` | {' | '.join(cell for cell in cells)} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
