"""A loose index scan: the distinct values of an indexed column, one index step for each."""

from sqlalchemy import TextClause, text

# PostgreSQL's own DISTINCT reads every entry of the index, even if there are few values.
_STEPS = """
WITH RECURSIVE found (value) AS (
    (SELECT {column} FROM {table} WHERE {predicate} ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM {table} WHERE {predicate} AND {column} > found.value
            ORDER BY {column} LIMIT 1)
    FROM found WHERE value IS NOT NULL
)
SELECT value FROM found WHERE value IS NOT NULL
"""


def distinct_values(table: str, column: str, *, predicate: str = "true") -> TextClause:
    """A statement that selects a column's distinct values, in order.

    Args:
        table: the name of the table.
        column: the first column of an index.
        predicate: the condition of the index, where it is partial.

    All three enter the SQL as text: pass constants only.
    """
    return text(_STEPS.format(table=table, column=column, predicate=predicate))
