"""Files of a state folder in; the same files on a machine that shares no file system with it, and what was made of them there, out.

They go by way of a bucket. What travels are units, a file or a folder each: one appears at once or not at all. `<url>/carried/<whose>/<hash>`
holds the bytes of a file, written once, for as long as somebody may ask for them.
"""

import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from unified_assets.core.errors import DataError
from unified_assets.store import buckets

AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A file or a folder. `path`: below the home of whoever sends or receives; `files`: path within it ("" of a file itself) → hash of its bytes."""

    path: str
    files: Mapping[str, str]


class DamagedOnTheWay(DataError):
    """What was received is not what was sent."""

    def __init__(self, *, url: str, problem: str) -> None:
        self.url, self.problem = url, problem
        super().__init__(f"{url}: {problem}. Nothing was taken of it; see who else writes there, and run again.")


class Carrier:
    """One end of the way: units below `home` that are sent from there or received there. `whose`: who else has the same objects in mind."""

    def __init__(self, url: str, *, whose: str, home: Path) -> None:
        """Raises InvalidSetting for a URL that cannot be used."""
        self.url, self.home = url, home.resolve()
        self._objects, self._prefix = buckets.opened(url, field="state_url"), f"carried/{whose}/"
        self._hashes: dict[tuple[str, int, int, int], str] = {}

    def send(self, paths: Iterable[Path]) -> tuple[Unit, ...]:
        """Put files and folders below the home in the bucket, as far as they are not there. Raises BucketUnreachable."""
        units, sources = list[Unit](), dict[str, Path]()
        for path in dict.fromkeys(path.resolve() for path in paths):
            files = self._files(path)
            units.append(Unit(path=path.relative_to(self.home).as_posix(), files=files))
            sources |= {self._prefix + blob: path / name for name, blob in files.items()}
        there = self._keys()  # asked each time: the other end may have deleted some
        buckets.create_all(self._objects, self.url, {key: source for key, source in sources.items() if key not in there}, at_once=AT_ONCE)
        return tuple(units)

    def receive(self, units: Sequence[Unit], *, within: Iterable[Path] = ()) -> None:
        """Have these units at the home as they were sent; each appears by one rename. `within`: folders that hold nothing else afterwards.

        Raises BucketUnreachable, DamagedOnTheWay.
        """
        for unit in units:
            for name in (unit.path, *unit.files):
                if name.startswith("/") or {"..", "."} & {*name.split("/")}:
                    raise DamagedOnTheWay(url=self.url, problem=f"{name!r} leads outside")
            target = self.home / unit.path
            if not target.exists() or self._files(target) != unit.files:
                self._replace(target, unit)
        kept = {self.home / unit.path for unit in units}
        leading = {parent for path in kept for parent in path.parents}
        for folder in within:
            _clear(folder.resolve(), kept, leading)

    def keep_only(self, units: Iterable[Unit]) -> None:
        """Delete what else is in the bucket for whoever this carrier is for. Raises BucketUnreachable."""
        kept = {self._prefix + blob for unit in units for blob in unit.files.values()}
        buckets.delete(self._objects, self.url, sorted(self._keys() - kept))

    def _keys(self) -> set[str]:
        return {*buckets.keys(self._objects, self.url, self._prefix)}

    def _files(self, path: Path) -> dict[str, str]:
        """Path within → hash; without what somebody is writing at this moment, and without links."""
        if path.is_file():
            return {"": self._hash(path)}
        found = (part for part in sorted(path.rglob("*")) if part.is_file() and not part.is_symlink())
        named = ((part.relative_to(path), part) for part in found)
        return {name.as_posix(): self._hash(part) for name, part in named if not any(piece.startswith(".") for piece in name.parts)}

    def _hash(self, path: Path) -> str:
        status = path.stat()
        key = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = buckets.hash_of(path)
        return self._hashes[key]

    def _replace(self, target: Path, unit: Unit) -> None:
        attempt = target.with_name(f".tmp-{target.name}-{os.getpid()}-{time.monotonic_ns()}")
        try:
            for name in unit.files:
                (attempt / name).parent.mkdir(parents=True, exist_ok=True)
            if "" not in unit.files:
                attempt.mkdir(exist_ok=True)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda entry: self._take(entry[0], entry[1], target, attempt), unit.files.items()))
            _remove(target)
            attempt.rename(target)
        finally:
            _remove(attempt)

    def _take(self, name: str, blob: str, old: Path, new: Path) -> None:
        """One file of a unit, from the unit that it replaces where it is in there."""
        if (old / name).is_file() and self._hash(old / name) == blob:
            os.link(old / name, new / name)
            return
        buckets.read(self._objects, self.url, self._prefix + blob, new / name)
        if buckets.hash_of(new / name) != blob:
            raise DamagedOnTheWay(url=self.url, problem=f"the bytes of {self._prefix}{blob} are others than were sent")


def _clear(folder: Path, kept: AbstractSet[Path], leading: AbstractSet[Path]) -> None:
    """Remove what is neither kept nor leads to what is, at any depth."""
    for path in sorted(folder.glob("*")):
        if path in leading:
            _clear(path, kept, leading)
        elif path not in kept:
            _remove(path)


def _remove(path: Path) -> None:
    """Whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
