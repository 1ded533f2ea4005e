"""A folder, or the name of an encoder on the Hugging Face hub, in; a folder with it below the state folder, and what to call it, out.

A name is looked up once for a state folder: the commit it stood for is written down, and is what that name means there from then on.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unified_assets.core.contracts import EncoderKind
from unified_assets.core.errors import InvalidSetting
from unified_assets.store import encoders
from unified_assets.store.local import write_text

NAME = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")  # owner/name, owner/name@branch, tag or commit
KNOWN = "hub.json"


def resolved(kind: EncoderKind, source: str, state: Path) -> tuple[Path, str]:
    """The folder of an encoder, and its name; from the hub, `owner/name@commit`. Raises InvalidSetting for what cannot be had."""
    folder, named = Path(source).expanduser(), NAME.fullmatch(source)
    if folder.exists() or named is None:
        return folder, folder.name
    home = state / "encoders"
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        known = _known(home)
        entry = known.get(source)
        if entry is None or not (home / entry["digest"]).is_dir():
            wanted = named["revision"] if entry is None else entry["commit"]
            known[source] = entry = _fetched(kind, source, named["repository"], wanted, state)
            write_text(home / KNOWN, json.dumps(known, indent=1))
    return home / entry["digest"], f"{named['repository']}@{entry['commit']}"


def kept(kind: EncoderKind, source: str, state: Path) -> str | None:
    """The digest under which an encoder lies below the state folder, or would; nothing is fetched. None where the source is neither here nor known."""
    folder = Path(source).expanduser()
    if not folder.exists():
        return _known(state / "encoders").get(source, {}).get("digest")
    try:
        return encoders.digest_of(kind, folder)
    except InvalidSetting:
        return None


def _known(home: Path) -> dict[str, dict[str, str]]:
    """Name → the commit and the digest it stands for."""
    known: dict[str, dict[str, str]] = json.loads((home / KNOWN).read_text(encoding="utf-8")) if (home / KNOWN).is_file() else {}
    return known


def _fetched(kind: EncoderKind, source: str, repository: str, revision: str | None, state: Path) -> dict[str, str]:
    """Download what is read of an encoder, keep it, and say which commit and which content it was."""
    try:
        from huggingface_hub import snapshot_download  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        problem = "it is no folder here, and huggingface_hub is not installed"
        raise encoders.unusable(kind, source, problem, 'Name a folder, or install the extra: `pip install "unified-assets[pretrained]"`.') from error
    place = state / "encoders" / f".tmp-hub-{os.getpid()}"
    try:
        patterns = [*encoders.KEPT, encoders.POOLING]
        snapshot = Path(snapshot_download(repository, revision=revision, cache_dir=place, allow_patterns=patterns))
        return {"commit": snapshot.name, "digest": encoders.keep(kind, snapshot, state).name}
    except InvalidSetting as error:
        raise encoders.unusable(kind, source, f"of what the hub has of it, {error.problem}") from error
    except (OSError, ValueError, RuntimeError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        fix = "Name the folder of an encoder that is on this machine, or let this machine reach the hub once."
        raise encoders.unusable(kind, source, f"it is no folder here, and the hub did not give it: {why}", fix) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One model of a run downloads, the others wait for it."""
    descriptor = os.open(home / ".hub.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
