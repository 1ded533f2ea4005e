"""A bucket (or a prefix of one) in; its objects as files of the raw root, fetched where they changed, out.

Everything behind the raw root reads every byte of a new file at least once, so an object is fetched whole, once for each version of it
(ETag). What came is kept in `<state>/objects/index.parquet`; a file of the raw root that is not in there is never touched.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl

from unified_assets.compute.progress import progress
from unified_assets.core.errors import ResourceError
from unified_assets.core.settings import Settings
from unified_assets.store import buckets
from unified_assets.store.local import Store, write_parquet, write_text

AT_ONCE = 64  # requests under way: an object store answers after tens of milliseconds, whatever it is asked
KEPT_EVERY = 10_000  # objects after which the index is written, for whoever goes on after a kill
LANDING = ".fetching-"  # below the raw root, so that a rename moves a file at once; hidden, so no part of the lake
NAME_BYTES = 255
SAID = 5
FIELD = "raw_url"
INDEX: Mapping[str, pl.DataType] = {"key": pl.String(), "e_tag": pl.String(), "size_bytes": pl.Int64(), "is_file": pl.Boolean()}


@dataclass(frozen=True, kw_only=True)
class FetchSummary:
    """What a fetch found and did. `refused`: key → why it can be no file here."""

    objects: int
    fetched: int
    removed: int
    bytes: int
    refused: Mapping[str, str]


class Fetched(NamedTuple):
    """Which version of an object lies in the raw root. A marker of an empty folder is listed like a file and is none."""

    e_tag: str
    size: int
    is_file: bool


class ObjectsDoNotFit(ResourceError):
    """The disk of the raw root has no room for what is to be fetched."""

    def __init__(self, *, url: str, raw: Path, needed: int, free: int) -> None:
        self.needed, self.free = needed, free
        super().__init__(
            f"{url} has {needed / 2**30:.2f} GiB to fetch, {raw} has {free / 2**30:.2f} GiB to give. Free space, or name a larger disk with `--raw`."
        )


def fetch(settings: Settings, log: Callable[[str], None] = lambda _: None) -> FetchSummary | None:
    """Make the raw root hold what `raw_url` holds; None where no URL is set.

    Raises InvalidSetting for a URL that cannot be used, buckets.BucketUnreachable, ObjectsDoNotFit.
    """
    url = settings.raw_url
    if url is None:
        return None
    settings = settings.absolute()
    objects, store = buckets.opened(url, field=FIELD), Store(settings.state)
    store.bind(settings.raw)
    home = settings.state / "objects"
    with store.lock("objects"):
        home.mkdir(parents=True, exist_ok=True)
        _tie(home, url)
        listed = _listed(objects, url)
        files, refused = _as_files(listed)
        known = _known(home)
        wanted = [entry for key, entry in files.items() if not _is_fetched(settings.raw / key, entry, known.get(key))]
        gone = [key for key in known if key not in files]
        needed, free = sum(entry["size"] for entry in wanted), _free_bytes(settings)
        if needed > free:
            raise ObjectsDoNotFit(url=url, raw=settings.raw, needed=needed, free=free)
        for key in gone:
            _remove(settings.raw, key)
            del known[key]
        if gone:
            _keep(home, known)
        failed = _fetch_all(objects, settings, wanted, known, log)
        write_text(home / "refused.json", json.dumps(refused, indent=1) + "\n")
    if wanted or gone or refused:
        log(f"{url}: {len(files):,} objects, {len(wanted):,} fetched ({needed / 1e6:,.1f} MB), {len(gone):,} removed")
    for key, why in list(refused.items())[:SAID]:
        log(f"no file here: {key!r}, {why}")
    if len(refused) > SAID:
        log(f"and {len(refused) - SAID:,} more: {home / 'refused.json'}")
    if failed:
        key, problem = next(iter(failed.items()))
        raise buckets.BucketUnreachable(url=url, problem=f"{len(failed):,} of {len(wanted):,} objects could not be read, first {key!r}: {problem}")
    return FetchSummary(objects=len(files), fetched=len(wanted), removed=len(gone), bytes=needed, refused=refused)


def listing(settings: Settings) -> list[tuple[str, int, int]]:
    """(path, size in bytes, modification in ns) of what the raw root will hold after a fetch; nothing is fetched. Raises as `fetch` does."""
    assert settings.raw_url is not None
    files, _ = _as_files(_listed(buckets.opened(settings.raw_url, field=FIELD), settings.raw_url))
    markers = {key for key, entry in _known(settings.absolute().state / "objects").items() if not entry.is_file}
    return [(key, entry["size"], entry["changed"] * 10**9) for key, entry in files.items() if key not in markers]


def _tie(home: Path, url: str) -> None:
    """Remember where the objects come from: files of another bucket must not be taken for removed ones."""
    path = home / "source.json"
    if path.is_file():
        recorded = json.loads(path.read_text(encoding="utf-8"))["url"]
        if recorded != url:
            raise buckets.bad_url(
                url, f"the state folder holds the objects of {recorded}", "Give each bucket a raw root and a state of its own: `--raw`, `--state`.", field=FIELD
            )
    else:
        write_text(path, json.dumps({"url": url}) + "\n")


def _listed(objects: Any, url: str) -> list[dict[str, Any]]:
    found = buckets.entries(objects, url)
    return [{"key": one["path"], "e_tag": one["e_tag"] or "", "size": int(one["size"]), "changed": int(one["last_modified"].timestamp())} for one in found]


def _as_files(listed: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """(key → entry of what can be a file, key → why not of the rest), both in order of keys."""
    files, refused = dict[str, dict[str, Any]](), dict[str, str]()
    folders = {"/".join(parts[:end]) for entry in listed for parts in [entry["key"].split("/")] for end in range(1, len(parts))}
    for entry in sorted(listed, key=lambda entry: str(entry["key"])):
        key = entry["key"]
        if (why := _why_not(key, folders)) is None:
            files[key] = entry
        elif entry["size"] or not key.endswith("/"):  # else a marker of an empty folder
            refused[key] = why
    return files, refused


def _why_not(key: str, folders: set[str]) -> str | None:
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "its name has an empty part, `.` or `..`"
    if "\0" in key or any(len(os.fsencode(part)) > NAME_BYTES for part in parts):
        return f"a part of its name is longer than {NAME_BYTES} bytes or holds a null byte"
    if key in folders:
        return "another object lies below its name, which cannot be a file and a folder"
    return "its name is that of a landing folder" if parts[0].startswith(LANDING) else None


def _known(home: Path) -> dict[str, Fetched]:
    """What lies in the raw root."""
    path = home / "index.parquet"
    return {key: Fetched(*entry) for key, *entry in pl.read_parquet(path).iter_rows()} if path.is_file() else {}


def _keep(home: Path, known: Mapping[str, Fetched]) -> None:
    write_parquet(home / "index.parquet", pl.DataFrame([(key, *entry) for key, entry in sorted(known.items())], schema=dict(INDEX), orient="row"))


def _is_fetched(path: Path, entry: Mapping[str, Any], known: Fetched | None) -> bool:
    if known is None or (known.e_tag, known.size) != (entry["e_tag"], entry["size"]):
        return False
    try:
        return not known.is_file or path.lstat().st_size == known.size
    except OSError:
        return False


def _free_bytes(settings: Settings) -> int:
    """Space to give, above the floor."""
    settings.raw.mkdir(parents=True, exist_ok=True)
    found = os.statvfs(settings.raw)
    return max(0, found.f_bavail * found.f_frsize - int(settings.disk_floor_gib * 2**30))


def _fetch_all(objects: Any, settings: Settings, wanted: list[dict[str, Any]], known: dict[str, Fetched], log: Callable[[str], None]) -> dict[str, str]:
    """Fetch these objects, and note them as known. Returns those that could not be read, and why."""
    failed = dict[str, str]()
    if not wanted:
        return failed
    for left in settings.raw.glob(f"{LANDING}*"):  # the lock is held: whoever made it is dead
        shutil.rmtree(left, ignore_errors=True)
    with (
        progress(settings.state, "objects", len(wanted), log) as told,
        TemporaryDirectory(prefix=LANDING, dir=settings.raw) as landing,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        fetching = _fetching(objects, settings.raw, Path(landing))
        for start in range(0, len(wanted), KEPT_EVERY):
            part = wanted[start : start + KEPT_EVERY]
            for entry, found in zip(part, pool.map(fetching, enumerate(part)), strict=True):
                key = entry["key"]
                if isinstance(found, str):
                    failed[key] = found
                    known.pop(key, None)
                elif found is not None:
                    known[key] = found
                told.add()
            _keep(settings.state / "objects", known)
    return failed


def _fetching(objects: Any, raw: Path, landing: Path) -> Callable[[tuple[int, dict[str, Any]]], Fetched | str | None]:
    """What fetches one object: which version came, why it cannot be read, or None where it is gone since it was listed."""
    import obstore  # type: ignore[import-not-found, unused-ignore]

    root = raw.resolve()

    def one(numbered: tuple[int, dict[str, Any]]) -> Fetched | str | None:
        number, entry = numbered
        key = entry["key"]
        target, part = raw / key, landing / f"{number}"
        try:
            if target.parent.resolve() != root.joinpath(*key.split("/")[:-1]):
                return "a link stands in its way"
            found = buckets.stream_to(objects, key, part)
            target.parent.mkdir(parents=True, exist_ok=True)
            changed = int(found["last_modified"].timestamp())  # whole seconds, as listings tell it
            os.utime(part, (changed, changed))
            part.replace(target)
            return Fetched(found["e_tag"] or "", int(found["size"]), is_file=True)
        except FileNotFoundError:
            return None if entry["size"] else Fetched(entry["e_tag"], 0, is_file=False)
        except (obstore.exceptions.BaseError, OSError) as error:
            return buckets.first_line(error)

    return one


def _remove(raw: Path, key: str) -> None:
    """Remove the file of an object that is gone, and the folders that are empty by it."""
    target = raw / key
    if target.parent.resolve() != raw.resolve().joinpath(*key.split("/")[:-1]):
        return
    target.unlink(missing_ok=True)
    for folder in _above(target, raw):
        try:
            folder.rmdir()
        except OSError:
            return


def _above(path: Path, root: Path) -> Iterator[Path]:
    for folder in path.parents:
        if folder == root:
            return
        yield folder
