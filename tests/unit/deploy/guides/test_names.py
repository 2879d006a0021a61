"""The page of foreign names has every name that the compatible APIs know."""

from tests.support.names_table import PAGE, with_table


def test_the_table_is_that_of_the_code() -> None:
    text = PAGE.read_text()
    assert text == with_table(text), "run `python -m tests.support.names_table`"
