"""A name and a function that writes a folder in; a version published whole and at once out.

A *bundle* is a set of tables that are published together. `<state>/versions/<bundle>/<version>/<table>/part-*.parquet` holds
the data; `<state>/versions/<bundle>/current` is a symbolic link that one rename swings to the new version; and
`<state>/<table>` is a link through it, so that `<state>/<table>/**/*.parquet` always reads one whole version.
"""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, BinaryIO, cast

import polars as pl

from unified_assets.core import tables
from unified_assets.core.errors import StaleSchema, StateBelongsElsewhere, UnifiedAssetsError, UsageError

BUNDLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "catalog": ("catalog",),
        "quality": ("quality_report",),
        "allocation": ("allocation", "tasks", "examples", "splits"),
    }
)
SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "catalog": tables.CATALOG,
        "quality_report": tables.QUALITY_REPORT,
        "tasks": tables.TASKS,
        "examples": tables.EXAMPLES,
        "splits": tables.SPLIT_MEMORY,
        "allocation": tables.ALLOCATION,
    }
)
KEPT_VERSIONS = 2
_NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS})
_IN_WORDS = MappingProxyType(
    {"database or disk is full": errno.ENOSPC, "attempt to write a readonly database": errno.EROFS, "No space left on device": errno.ENOSPC}
)
FULL_BYTES = 2**20  # SQLite calls a disk with less than that left an `I/O error` as often as full
LAYOUT = 1  # of the state folder: raise it when an older program could no longer work in it


class StateNotWritable(UnifiedAssetsError):
    """The state folder cannot be written: no permission, or no space."""

    def __init__(self, *, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        again = "run again (`unified-assets train --resume` for a training)"
        super().__init__(f"cannot write {path}: {problem}. What was published before is untouched. Free space or fix its permissions, then {again}.")


def not_writable(error: BaseException, state: Path) -> StateNotWritable | None:
    """The same told clearly, where an error or what caused it is of the disk: full, read-only, or closed to us. None for any other error.

    Libraries tell it in words alone: safetensors and polars end with Rust's `(os error 28)`, SQLite says `database or disk is full`.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, StateNotWritable):
            return found
        number = found.errno if isinstance(found, OSError) else None
        words = str(found)
        known = number if number in _NOT_WRITABLE else next((code for code in _NOT_WRITABLE if f"(os error {code})" in words), None)
        known = next((code for text, code in _IN_WORDS.items() if text in words), None) if known is None else known
        if known is None and state.is_dir():
            known = _of_database(words, state)
        if known is not None:
            return StateNotWritable(path=Path(str(getattr(found, "filename", None) or state)), problem=os.strerror(known))
        found = found.__cause__ or found.__context__
    return None


def _of_database(words: str, state: Path) -> int | None:
    """What SQLite means by words that it has for several things."""
    if "disk I/O error" in words:
        return errno.ENOSPC if shutil.disk_usage(state).free < FULL_BYTES else errno.EIO
    if "unable to open database file" in words and not os.access(state, os.W_OK):
        return errno.EROFS if os.statvfs(state).f_flag & os.ST_RDONLY else errno.EACCES
    return None


class StateIsNewer(UsageError):
    """The state folder was laid out by a later version of this program."""

    def __init__(self, *, state: Path, found: object) -> None:
        self.state, self.found = state, found
        super().__init__(
            f"{state} was written by a newer version of unified-assets (layout {found}; this one knows {LAYOUT}). Update, or give another `--state`."
        )


class Store:
    """The state folder of one lake."""

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()

    def bind(self, raw: Path) -> None:
        """Tie this state to its raw root on first use; raises StateBelongsElsewhere for another root later, StateIsNewer for a later layout."""
        raw = raw.absolute()
        record = self.state / "lake.json"
        if record.is_file():
            known = json.loads(record.read_text(encoding="utf-8"))
            recorded, layout = Path(known["raw"]), known.get("layout", LAYOUT)
            if layout > LAYOUT:
                raise StateIsNewer(state=self.state, found=layout)
            if recorded != raw:
                raise StateBelongsElsewhere(state=self.state, recorded=recorded, given=raw)
            return
        with _writing(self.state):
            self.state.mkdir(parents=True, exist_ok=True)
            write_text(record, json.dumps({"raw": str(raw), "layout": LAYOUT}) + "\n")

    def current(self, bundle: str) -> Path | None:
        """The folder of the version in force, resolved now: it stays readable while a newer one is published."""
        link = self.state / "versions" / bundle / "current"
        return link.resolve() if link.is_symlink() else None

    def table(self, name: str) -> pl.DataFrame:
        """A whole table; empty, with the right columns, where nothing was published yet."""
        bundle = next(bundle for bundle, names in BUNDLES.items() if name in names)
        version = self.current(bundle)
        return pl.DataFrame(schema=dict(SCHEMAS[name])) if version is None else read_table(version / name, name)

    def publish(self, bundle: str, write: Callable[[Path], None]) -> Path:
        """Call `write` with an empty folder, then make what it wrote the version in force. Returns that version's folder."""
        home = self.state / "versions" / bundle
        with _writing(home):
            home.mkdir(parents=True, exist_ok=True)
            with self.lock(f"publish-{bundle.replace('/', '-')}"):
                _remove_leftovers(home)
                attempt = home / f".tmp-{os.getpid()}-{time.time_ns()}"
                attempt.mkdir()
                try:
                    write(attempt)
                    for path in attempt.rglob("*"):
                        if path.is_file():
                            _sync(path)
                    version = home / f"v{time.time_ns():020d}"
                    attempt.rename(version)
                except BaseException:
                    shutil.rmtree(attempt, ignore_errors=True)
                    raise
                _swing(home / "current", Path(version.name))
                _sync(home)
                for name in BUNDLES.get(bundle, ()):
                    if not (self.state / name).is_symlink():
                        _swing(self.state / name, Path("versions", bundle, "current", name))
                self._prune(home)
        return version

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold the kernel lock of this name (freed when the process dies). `wait=False` raises BlockingIOError if it is held."""
        folder = self.state / "locks"
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)

    @staticmethod
    def _prune(home: Path) -> None:
        versions = sorted(path for path in home.iterdir() if path.name.startswith("v") and path.is_dir())
        for path in versions[:-KEPT_VERSIONS]:
            shutil.rmtree(path, ignore_errors=True)


def write_table(folder: Path, name: str, frame: pl.DataFrame, schema: Mapping[str, pl.DataType] | None = None) -> None:
    """Write `<folder>/<name>/part-00000.parquet` with the declared schema; the schema version stands in the metadata."""
    wanted = dict(SCHEMAS[name] if schema is None else schema)
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    ordered = frame.select([pl.col(column).cast(dtype) for column, dtype in wanted.items()])
    _write_parquet(target / "part-00000.parquet", ordered, compression="zstd", metadata={"unified_assets_schema": str(tables.SCHEMA_VERSION)})


def read_table(folder: Path, name: str, *, columns: list[str] | None = None) -> pl.DataFrame:
    """Read all parts of a table folder, or some of its columns. Raises StaleSchema when another schema version wrote it."""
    parts = sorted(folder.glob("*.parquet"))
    if not parts:
        empty = pl.DataFrame(schema=dict(SCHEMAS[name]))
        return empty if columns is None else empty.select(columns)
    found = int(pl.read_parquet_metadata(parts[0]).get("unified_assets_schema", "0"))
    if found != tables.SCHEMA_VERSION:
        raise StaleSchema(table=name, found=found, expected=tables.SCHEMA_VERSION)
    return pl.concat([pl.read_parquet(part, columns=columns) for part in parts])


def write_text(path: Path, text: str) -> None:
    """Replace a small file at once: whoever reads sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path):
        temporary.write_text(text, encoding="utf-8")
        _sync(temporary)
        temporary.replace(path)


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Replace a parquet file at once."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path):
        _write_parquet(temporary, frame)
        _sync(temporary)
        temporary.replace(path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_WRITABLE:
            raise StateNotWritable(path=path, problem=error.strerror or str(error)) from error
        raise


def _write_parquet(path: Path, frame: pl.DataFrame, **options: Any) -> None:
    """Write a parquet file through our own stream: polars tells an error of the system in words, if at all, and its number is needed."""
    with path.open("wb") as stream:
        sink = _Sink(stream)
        try:
            frame.write_parquet(cast("IO[bytes]", sink), **options)
        except pl.exceptions.PolarsError as error:
            if sink.problem is not None:
                raise sink.problem from error
            raise


class _Sink:
    """Passes bytes on to a file, and keeps the error that stopped it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.problem: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of it. Raises OSError."""
        try:
            return self._stream.write(data)
        except OSError as error:
            self.problem = error
            raise

    def flush(self) -> None:
        """Leave nothing in a buffer. Raises OSError."""
        try:
            self._stream.flush()
        except OSError as error:
            self.problem = error
            raise


def _swing(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(home: Path) -> None:
    for path in home.glob(".tmp-*"):  # the lock is held: whoever made them is dead
        shutil.rmtree(path, ignore_errors=True)
