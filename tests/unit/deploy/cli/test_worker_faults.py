"""The status of a worker that ends on a fault says whether a restart may mend it."""

import pytest

from deploy.cli.errors import LastingFault, worker_faults
from workers.messaging.redis_privileges import RedisUserError
from workers.runtime.models.problems import ModelLoadError


def test_weights_that_an_operator_must_mend_last() -> None:
    with pytest.raises(LastingFault, match="is gated"), worker_faults():
        raise ModelLoadError("flux.1-dev is gated")


def test_a_user_of_redis_that_may_not_take_tickets_lasts() -> None:
    with pytest.raises(LastingFault, match="bottega_worker"), worker_faults():
        raise RedisUserError("REDIS_URL's user may not take tickets: use bottega_worker's")


def test_a_hub_that_was_away_may_be_back_at_the_next_start() -> None:
    with pytest.raises(ModelLoadError, match="does not answer"), worker_faults():
        raise ModelLoadError("the hub does not answer", transient=True)
