"""A state folder in; a snapshot of it in a bucket out, and back, on another machine.

`<url>/blobs/<hash>` holds a file's bytes, written once; `<url>/snapshots/<number>.parquet` says which file has which bytes. Snapshots are
numbered, and a number can be taken only once (a conditional put), so nobody ever reads half of one, and of two machines that work on the
same state the second one is told instead of overwriting the first. SQLite databases are copied by its backup API, so a snapshot may be
taken while a run writes.
"""

import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.core.errors import DataError, UnifiedAssetsError, UsageError
from unified_assets.store import buckets
from unified_assets.store.local import Store, write_parquet, write_text

AT_ONCE = 32
LEFT_OUT = frozenset({"locks", "progress", "tensors", "snapshots", "objects"})  # of the top folders: of this machine alone, or made again
MANIFEST: Mapping[str, pl.DataType] = {
    "path": pl.String(),
    "blob": pl.String(),  # hash of the bytes; null of a link
    "link": pl.String(),  # where a link points to
    "size_bytes": pl.Int64(),
    "mtime_ns": pl.Int64(),
    "mode": pl.Int64(),
}
_DATABASE = b"SQLite format 3\x00"
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One snapshot: its number, its files, and what had to be sent or fetched for it."""

    number: int
    files: int
    moved: int
    bytes: int
    seconds: float


class AnotherMachine(UsageError):
    """Somebody else has pushed a state since this one was pushed or pulled."""

    def __init__(self, *, url: str, mine: int, newest: int) -> None:
        self.url, self.mine, self.newest = url, mine, newest
        super().__init__(
            f"{url} is at snapshot {newest}, this state goes back to {mine}: another machine works on it. Pull that into an empty state folder, "
            "or push this one to another URL."
        )


class NothingToPull(DataError):
    """There is no snapshot, or it cannot be taken as it is."""


class StateNotEmpty(UsageError):
    """A snapshot is only written into an empty folder."""

    def __init__(self, *, state: Path) -> None:
        self.state = state
        super().__init__(f"{state} is not empty. A snapshot is written into an empty folder only: move this one aside, or give another `--state`.")


def push(state: Path, url: str, log: Callable[[str], None] = lambda _: None, *, wait: bool = True) -> Snapshot | None:
    """Take the next snapshot; None where nothing changed since the last one. `wait=False` raises BlockingIOError where another push is at work.

    Raises AnotherMachine, InvalidSetting for a URL that cannot be used, BucketUnreachable.
    """
    started, state = time.monotonic(), state.absolute()
    objects, store = buckets.opened(url, field="state_url"), Store(state)
    home = state / "snapshots"
    home.mkdir(parents=True, exist_ok=True)
    with store.lock("snapshot", wait=wait), ExitStack() as stack:
        for left in home.glob(".tmp-*"):  # the lock is held: whoever made it is dead
            shutil.rmtree(left, ignore_errors=True)
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix=".tmp-", dir=home))
        newest, mine = _newest(objects, url), _base(home, url)
        if newest != mine:
            raise AnotherMachine(url=url, mine=mine, newest=newest)
        before = pl.read_parquet(home / "last.parquet") if mine else pl.DataFrame(schema=dict(MANIFEST))
        known = {row["path"]: row for row in before.to_dicts()}
        sources, rows = dict[str, Path](), list[dict[str, Any]]()
        for path in _files(state):
            with suppress(FileNotFoundError):  # gone since it was listed
                row, source = _row(state, path, known, Path(scratch, str(len(rows))))
                rows.append(row)
                if source is not None:
                    sources.setdefault(str(row["blob"]), source)
        manifest = pl.DataFrame(rows, schema=dict(MANIFEST), orient="row").sort("path")
        if mine and manifest.drop("mtime_ns").equals(before.drop("mtime_ns")):
            return None
        there = {row["blob"] for row in known.values()}
        new = {blob: source for blob, source in sources.items() if blob not in there}
        sent = buckets.create_all(objects, url, {f"blobs/{blob}": source for blob, source in new.items()}, at_once=AT_ONCE)
        number = mine + 1
        write_parquet(home / "next.parquet", manifest)
        if not buckets.create(objects, url, _key(number), home / "next.parquet"):
            raise AnotherMachine(url=url, mine=mine, newest=number)
        (home / "next.parquet").replace(home / "last.parquet")
        write_text(home / "base.json", json.dumps({"url": url, "number": number}) + "\n")
    found = Snapshot(number=number, files=len(rows), moved=len(new), bytes=sent, seconds=time.monotonic() - started)
    log(f"snapshot {number} in {url}: {found.files:,} files, {found.moved:,} new ({sent / 1e6:,.1f} MB)")
    return found


def pull(state: Path, url: str, log: Callable[[str], None] = lambda _: None) -> Snapshot:
    """Write the newest snapshot into an empty (or missing) state folder, whole or not at all.

    Raises StateNotEmpty, NothingToPull, InvalidSetting for a URL that cannot be used, BucketUnreachable.
    """
    started, state = time.monotonic(), state.absolute()
    objects = buckets.opened(url, field="state_url")
    if state.exists() and any(state.iterdir()):
        raise StateNotEmpty(state=state)
    number = _newest(objects, url)
    if not number:
        msg = f"{url} holds no snapshot. Push one first: `unified-assets push`."
        raise NothingToPull(msg)
    attempt = state.with_name(f".tmp-{state.name}-{os.getpid()}")
    shutil.rmtree(attempt, ignore_errors=True)
    (attempt / "snapshots").mkdir(parents=True)
    try:
        last = attempt / "snapshots" / "last.parquet"
        buckets.read(objects, url, _key(number), last)
        rows = _checked(last, url)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            moved = sum(pool.map(lambda row: _fetch(objects, url, attempt, row), [row for row in rows if row["link"] is None]))
        _link([row for row in rows if row["link"] is not None], attempt, url)
        write_text(attempt / "snapshots" / "base.json", json.dumps({"url": url, "number": number}) + "\n")
        if state.exists():
            state.rmdir()
        attempt.rename(state)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
    found = Snapshot(number=number, files=len(rows), moved=len(rows), bytes=moved, seconds=time.monotonic() - started)
    log(f"snapshot {number} of {url}: {found.files:,} files, {moved / 1e6:,.1f} MB, in {state}")
    return found


def _is_due(state: Path, *, every_s: float) -> bool:
    """Whether the last snapshot that this state pushed or came from is older than that, or there is none."""
    try:
        return time.time() - (state / "snapshots" / "base.json").stat().st_mtime >= every_s
    except OSError:
        return True


def keep(state: Path, url: str | None, log: Callable[[str], None], *, every_s: float = 0.0) -> None:
    """Push while a run is at work, unless that was done `every_s` seconds ago, or somebody is at it. What fails is told, and stops nothing."""
    if url is None or not _is_due(state, every_s=every_s):
        return
    try:
        push(state, url, log, wait=False)
    except BlockingIOError:
        return
    except (UnifiedAssetsError, OSError, sqlite3.Error, pl.exceptions.PolarsError) as error:
        log(f"no snapshot was taken: {error}")


def _key(number: int) -> str:
    return f"snapshots/{number:012d}.parquet"


def _newest(objects: Any, url: str) -> int:
    """The number of the newest snapshot; 0 where there is none."""
    found = [Path(key).stem for key in buckets.keys(objects, url, "snapshots/")]
    return max((int(name) for name in found if name.isdecimal()), default=0)


def _base(home: Path, url: str) -> int:
    """The snapshot of that URL which this state last pushed or came from; 0 of none."""
    try:
        known = json.loads((home / "base.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    return int(known["number"]) if known["url"] == url else 0


def _files(state: Path) -> Iterator[Path]:
    """Regular files and links, in order, without what others are writing at this moment."""
    for entry in sorted(state.iterdir()):
        if entry.name not in LEFT_OUT and not _passing(entry.name):
            yield from _below(entry)


def _below(path: Path) -> Iterator[Path]:
    if path.is_symlink() or path.is_file():
        yield path
    elif path.is_dir():
        try:
            entries = sorted(path.iterdir())
        except FileNotFoundError:  # a run that goes on removes its old checkpoints
            return
        for entry in entries:
            if not _passing(entry.name):
                yield from _below(entry)


def _passing(name: str) -> bool:
    return name.startswith(".") or name.endswith((".tmp", *_BESIDE))


def _row(state: Path, path: Path, known: Mapping[str, Mapping[str, Any]], copy: Path) -> tuple[dict[str, Any], Path | None]:
    """A row of the manifest, and a copy of its bytes; None where they are in the bucket already.

    What is sent has to be what was hashed, and a run may be writing to the file.
    """
    name = path.relative_to(state).as_posix()
    if path.is_symlink():
        return {"path": name, "blob": None, "link": str(path.readlink()), "size_bytes": 0, "mtime_ns": 0, "mode": 0}, None
    told = path.stat()
    before = known.get(name)
    is_database = _is_database(path)
    if not is_database and before is not None and (before["size_bytes"], before["mtime_ns"]) == (told.st_size, told.st_mtime_ns):
        return {**before}, None
    if is_database:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as live, closing(sqlite3.connect(copy)) as written:
            live.backup(written)
    else:
        shutil.copyfile(path, copy)
    facts = {"blob": buckets.hash_of(copy), "size_bytes": copy.stat().st_size, "mtime_ns": told.st_mtime_ns, "mode": told.st_mode & 0o777}
    return {"path": name, "link": None, **facts}, copy


def _is_database(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_DATABASE)) == _DATABASE


def _checked(manifest: Path, url: str) -> list[dict[str, Any]]:
    """The rows of a manifest. Raises NothingToPull for one that would write outside the state folder: a bucket may be anybody's."""
    rows = pl.read_parquet(manifest).to_dicts()
    for row in rows:
        if any(part in {"", ".", ".."} for part in row["path"].split("/")):
            raise _outside(row["path"], url)
    return rows


def _outside(path: str, url: str) -> NothingToPull:
    return NothingToPull(f"{url}: its newest snapshot names {path!r}, outside of the state folder. It was not made by this program: nothing was written.")


def _link(rows: Iterable[Mapping[str, Any]], home: Path, url: str) -> None:
    """Make the links, after all files, so that none is written through a link. Raises NothingToPull for one that leads outside."""
    made = []
    for row in rows:
        target = home / row["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(row["link"])
        made.append(target)
    for target in made:
        if target.readlink().is_absolute() or not target.resolve().is_relative_to(home.resolve()):
            raise _outside(target.relative_to(home).as_posix(), url)


def _fetch(objects: Any, url: str, home: Path, row: Mapping[str, Any]) -> int:
    """One file of a snapshot. Returns the bytes fetched. Raises NothingToPull where they are not what the snapshot says."""
    target = home / row["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    buckets.read(objects, url, f"blobs/{row['blob']}", target)
    if buckets.hash_of(target) != row["blob"]:
        msg = f"{url}: the bytes of {row['path']!r} are not those that were pushed. Nothing was kept of this snapshot."
        raise NothingToPull(msg)
    target.chmod(row["mode"])
    os.utime(target, ns=(row["mtime_ns"], row["mtime_ns"]))
    return int(row["size_bytes"])
