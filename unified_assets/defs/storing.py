"""A write to Dagster's database in; the same made again, where the database was locked or went away while it was under way, out."""

import time
from collections.abc import Callable

GIVE_UP_S = 60.0
WAIT_S = 1.0


def stored(call: Callable[[], object], log: Callable[[str], None], *, give_up_s: float = GIVE_UP_S, wait_s: float = WAIT_S) -> None:
    """Call until it passes. Raises what it raises once `give_up_s` seconds are over, and any other error at once.

    Dagster itself is patient with a Postgres that takes no connections, not with one that ends in the middle of a statement, and SQLite gives up on
    another process' lock after 5 s. What was written in part is written twice then: an event more in the history.
    """
    from sqlalchemy.exc import DBAPIError

    deadline = time.monotonic() + give_up_s
    while True:
        try:
            call()
        except DBAPIError as error:
            locked = "locked" in str(error)
            if not (locked or error.connection_invalidated) or time.monotonic() > deadline:
                raise
            log(f"waiting: {'another process keeps' if locked else 'the connection was lost to'} Dagster's database{' locked' if locked else ''}")
            time.sleep(wait_s)
        else:
            return
