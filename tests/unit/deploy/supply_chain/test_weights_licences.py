from click.testing import CliRunner

from deploy.supply_chain.weights_licences import main
from workers import catalog


def test_every_model_has_a_row_with_its_licence() -> None:
    lines = CliRunner().invoke(main).output.strip().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert {row[0]: row[1] for row in rows} == {
        variant.id: variant.licence.name for variant in catalog.variants()
    }
    assert ["flux.1-dev", "no", "yes"] in [[row[0], row[2], row[3]] for row in rows]
