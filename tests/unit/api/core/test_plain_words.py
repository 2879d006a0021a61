"""Messages of pydantic have no Python words."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from api.core.plain_words import message_of


class _Fields(BaseModel):
    pair: tuple[int, ...] = Field((), min_length=1, max_length=2)
    facts: dict[str, int] = {}
    side: int = Field(1, le=4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pair": [1, 2, 3]}, "takes 2 entries at most, not 3"),
        ({"pair": []}, "takes 1 entry at least"),
        ({"pair": 7}, "Input should be a list"),
        ({"facts": 7}, "Input should be an object"),
        ({"side": 5}, "Input should be less than or equal to 4"),
    ],
)
def test_words_are_those_of_json(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Fields.model_validate(fields)
    assert [message_of(dict(each)) for each in caught.value.errors()] == [message]
