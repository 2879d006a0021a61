"""`python -m deploy.supply_chain.weights_licences`: the licences of the catalogue's weights.

They follow the licences of packages in what `make sbom` writes: weights are downloaded by the
operator, and bind whoever serves them.
"""

from collections.abc import Iterator

import click

from workers import catalog
from workers.catalog.variant import Variant

_HEAD = ("Model", "Licence", "Commercial use", "Content filter required", "Text")


def rows() -> Iterator[tuple[str, ...]]:
    """A row for each model of the installed catalogue."""
    for variant in catalog.variants():
        yield _row(variant)


def _row(variant: Variant) -> tuple[str, ...]:
    licence = variant.licence
    return (
        variant.id,
        licence.name,
        "yes" if licence.commercial_use else "no",
        "yes" if licence.content_filter_required else "no",
        licence.url or "-",
    )


@click.command()
def main() -> None:
    """Print the licences of all models' weights as a Markdown table."""
    click.echo()
    for cells in (_HEAD, ("---",) * len(_HEAD), *rows()):
        click.echo(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
