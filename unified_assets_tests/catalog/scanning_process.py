"""A scan in a process of its own, for tests that kill it, run two of them, or take its rights away."""

import os
import resource
import signal
from pathlib import Path

from unified_assets.catalog import scan
from unified_assets.core.errors import UnifiedAssetsError
from unified_assets.core.settings import Settings

NOBODY = 65534


def run(raw: Path, state: Path, said: Path | None = None, *, as_nobody: bool = False, file_bytes: int | None = None) -> None:
    """Scan; write what came of it to `said`. `file_bytes`: no file may grow longer, as on a full disk."""
    if file_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    if as_nobody:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        summary = scan(Settings(raw=raw, state=state, workers=1))
        answer = f"published {summary.published}"
    except UnifiedAssetsError as error:
        answer = f"{type(error).__name__}: {error}"
    if said is not None:
        said.write_text(answer)
