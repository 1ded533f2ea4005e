"""The events of a training beside the one that counts: heard, but neither its rounds nor its figures are taken for those of the run."""

from collections.abc import Mapping
from typing import Any

from unified_assets.core.contracts import EventSink, SilentSink


class Apart(SilentSink):
    """Passes on lines and waiting only."""

    def __init__(self, sink: EventSink, name: str) -> None:
        self.sink, self.name = sink, name

    def log(self, message: str) -> None:
        """Pass it on, marked."""
        self.sink.log(f"{self.name}: {message}")

    def waiting(self, what: str) -> None:
        """Pass it on."""
        self.sink.waiting(what)

    def round_done(self, row: Mapping[str, Any], scores: Mapping[str, float | None], _eta_s: float | None) -> None:
        """A line in place of progress."""
        known = [value for value in scores.values() if value is not None]
        what = "refit" if row.get("refit") else f"round {row['round']}"
        self.log(f"{what}, validation {sum(known) / len(known):.3f}" if known else what)
