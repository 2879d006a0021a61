"""Keys that are refused without a look-up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session

from db.tenants import api_keys
from db.tenants.api_keys import Identity, InvalidKeyError

BODY = f"bt_{'0' * 26}_{'x' * 22}"
GOOD = BODY + api_keys._checksum(BODY)


def looked_up(key: str) -> bool:
    """True when the key is looked up in the database, which is missing here."""
    with Session() as session:
        try:
            api_keys.identify(session, key)
        except InvalidKeyError:
            return False
        except UnboundExecutionError:
            return True
    raise AssertionError


def test_a_well_formed_key_is_looked_up() -> None:
    assert looked_up(GOOD)


@pytest.mark.parametrize(
    "key", ["", "bt_", "Bearer " + GOOD, GOOD + "\n", GOOD[:-1], GOOD + "0", GOOD.upper(), "x" * 59]
)
def test_what_is_not_shaped_like_a_key_is_refused_unseen(key: str) -> None:
    assert not looked_up(key)


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("0aZ_ é\x00"))
def test_one_wrong_character_is_refused_unseen(place: int, character: str) -> None:
    wrong = GOOD[:place] + character + GOOD[place + 1 :]
    assert looked_up(wrong) == (wrong == GOOD)


@given(st.text(max_size=80))
def test_any_text_is_refused_without_an_error_of_another_kind(text: str) -> None:
    assert not looked_up(text)


def test_a_key_without_a_tenant_is_an_operator_s() -> None:
    assert Identity("key_1", None).is_operator
    assert not Identity("key_1", "ten_1").is_operator
