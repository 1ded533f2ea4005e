"""Writes to Dagster's database while it is locked or goes away."""

import pytest
from sqlalchemy.exc import OperationalError

from unified_assets.defs.storing import stored


def lost(*, invalidated: bool = True, words: str = "server closed the connection unexpectedly") -> OperationalError:
    return OperationalError("INSERT", {}, Exception(words), connection_invalidated=invalidated)


def calls(*errors):
    left = list(errors)

    def call():
        if left:
            raise left.pop(0)

    return call, left


def test_what_a_lost_connection_cut_off_is_written_again():
    said: list[str] = []
    call, left = calls(lost(), lost(invalidated=False, words="database is locked"))
    stored(call, said.append, wait_s=0.0)
    assert left == []
    assert said == ["waiting: the connection was lost to Dagster's database", "waiting: another process keeps Dagster's database locked"]


def test_it_is_not_waited_for_without_end_nor_for_anything_else():
    for error, give_up_s in ((lost(), 0.0), (lost(invalidated=False, words="no such table"), 60.0)):
        call, left = calls(error, error)
        with pytest.raises(OperationalError):
            stored(call, lambda _line: None, give_up_s=give_up_s, wait_s=0.0)
        assert len(left) == 1
