"""A call of the tracking server in; its answer out, also when the server is away for a while."""

import os
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from unified_assets.core.credentials import without_credentials
from unified_assets.core.errors import UnifiedAssetsError

GIVE_UP_S = 600.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 15.0
_AWAY = ("failed with exception", "failed with timeout", "too many 50", "error code 50", "error code 429", "database is locked")  # one code for all of them
_STRANGE = "API request to endpoint"  # begins what MLflow's client says of an answer that is not MLflow's: an error without its JSON, or a page

Answer = TypeVar("Answer")


class TrackingAway(UnifiedAssetsError):
    """The tracking server did not answer for longer than a run can wait."""

    def __init__(self, *, uri: str, seconds: float, why: str) -> None:
        self.uri, self.seconds = uri, seconds
        super().__init__(
            f"MLflow at {uri} did not answer for {seconds:.0f} s ({why}). Nothing that was trained is lost: start it again, then "
            "`unified-assets train --resume` registers it."
        )


class NotMlflow(UnifiedAssetsError):
    """A server answers at the tracking URI, and it is another one."""

    def __init__(self, *, uri: str, why: str) -> None:
        self.uri = uri
        super().__init__(
            f"{uri} answers, but not as MLflow does ({why}). Give UNIFIED_ASSETS_MLFLOW_TRACKING_URI the address of an MLflow server, then "
            "`unified-assets train --resume`: nothing that was trained is lost."
        )


def fail_soon() -> None:
    """Let MLflow's client give up on a server that is away after seconds, not after its default of several minutes: who waits, says so."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


def away(error: BaseException) -> bool:
    """Whether an error means that the server is not there, or its database is locked; not that it refused what was asked."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return any(words in str(error) for words in _AWAY)
    return isinstance(error, ConnectionError | TimeoutError | sqlite3.OperationalError)


def patiently(call: Callable[[], Answer], *, uri: str, waiting: Callable[[str], None], give_up_s: float = GIVE_UP_S) -> Answer:
    """The answer of `call`, tried again while the server is away.

    Raises TrackingAway after `give_up_s` seconds, NotMlflow at once where another server answers, and what `call` raises otherwise.
    """
    started, wait = time.monotonic(), FIRST_WAIT_S
    while True:
        try:
            return call()
        except Exception as error:
            why = without_credentials(" ".join(str(error).split()))[:200]
            if not away(error):
                if _STRANGE in why:
                    raise NotMlflow(uri=uri, why=why) from error
                raise
            gone = time.monotonic() - started
            if gone + wait > give_up_s:
                raise TrackingAway(uri=uri, seconds=gone, why=why) from error
            waiting(f"MLflow at {without_credentials(uri)} does not answer since {gone:.0f} s: {why}")
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)
