"""The pause switch of a lake: while it is on, no lease is granted. Rounds that compute end as ever; then everything waits where it is."""

import time
from pathlib import Path

from unified_assets.store.local import write_text

NAME = "paused"


def pause(folder: Path) -> None:
    """Switch it on, for all leases that are ordered in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / NAME, f"{time.time():.0f}\n")


def unpause(folder: Path) -> bool:
    """Switch it off. Returns whether it was on."""
    try:
        (folder / NAME).unlink()
    except FileNotFoundError:
        return False
    return True


def paused_since(folder: Path) -> float | None:
    """When it was switched on, in seconds since the epoch; None while it is off."""
    try:
        return (folder / NAME).stat().st_mtime
    except FileNotFoundError:
        return None
