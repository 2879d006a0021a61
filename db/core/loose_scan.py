"""The distinct values of an indexed column, found by one step of its index for each of them."""

from sqlalchemy import TextClause, text

# PostgreSQL's own DISTINCT reads every entry of the index, however few values there are.
_STEPS = """
WITH RECURSIVE found (value) AS (
    (SELECT {column} FROM {table} WHERE {holds} ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM {table} WHERE {holds} AND {column} > found.value
            ORDER BY {column} LIMIT 1)
    FROM found WHERE value IS NOT NULL
)
SELECT value FROM found WHERE value IS NOT NULL
"""


def distinct_values(table: str, column: str, *, holds: str = "true") -> TextClause:
    """A statement for a column's values, in order.

    Args:
        table: its name.
        column: the first of an index's.
        holds: the index's own condition, where it is partial; names and condition are ours.
    """
    return text(_STEPS.format(table=table, column=column, holds=holds))
