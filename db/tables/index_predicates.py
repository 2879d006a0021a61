"""A job's state as a condition that partial indexes are found by."""

from sqlalchemy import ColumnElement, literal, or_

from db.tables import Job
from db.values.job_state import JobState


def state_is(*states: JobState) -> ColumnElement[bool]:
    """Whether a job is in one of these states, written out.

    Plans are made for any value: only of one that they can read do they know the partial index.
    """
    written = (literal(JobState(state).value, literal_execute=True) for state in states)
    return or_(*(Job.state == each for each in written))
