"""Conditions on a job's state in the form that lets PostgreSQL use partial indexes."""

from sqlalchemy import ColumnElement, literal, or_

from db.tables import Job
from db.values.job_state import JobState


def state_is(*states: JobState) -> ColumnElement[bool]:
    """The condition that a job is in one of these states, each a literal in the SQL.

    A plan is made once, for any value of a parameter. PostgreSQL uses a partial index only where
    the value stands in the statement itself.
    """
    literals = (literal(JobState(state).value, literal_execute=True) for state in states)
    return or_(*(Job.state == each for each in literals))
