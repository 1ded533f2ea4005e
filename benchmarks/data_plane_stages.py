"""The stages of data_plane.py, each run in a process of its own: folders in; figures as one line of JSON out.

python benchmarks/data_plane_stages.py STAGE FOLDER [STATE]
"""

import json
import os
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import xxhash

from unified_assets.catalog import examining, scan
from unified_assets.catalog.ignoring import ignored_paths
from unified_assets.catalog.walking import walk
from unified_assets.compute.inventory import usable_cores
from unified_assets.compute.workers import Outcome
from unified_assets.core import plugins
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.settings import Settings
from unified_assets.files import decode, detect, detection, surveying
from unified_assets.files.deciding import decide_file, load_decoders
from unified_assets.files.opening import Folders
from unified_assets.store.local import Store

CORES = usable_cores()
PER_MODALITY = 150
_SAME = {"text/xml": {"text/html"}, "application/json": {"application/jsonl"}, "application/jsonl": {"application/json"}}


def timed(function: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a function returns, with its wall and CPU seconds (those of its ended children included) and the peak memory so far."""

    def cpu() -> float:
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    began, spent = time.perf_counter(), cpu()
    value = function()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return value, {"wall_s": time.perf_counter() - began, "cpu_s": cpu() - spent, "peak_mib": peak}


def detection_stage(lake: Path) -> dict[str, Any]:
    """Accuracy by extension and files a CPU-second, the files in the page cache."""
    truth: dict[str, str] = json.loads(lake.with_name("truth.json").read_text())
    kinds = detection.kinds()
    known = {name: kinds.promises[suffix] for name, suffix in truth.items() if suffix in kinds.promises}
    found, wrong = {}, Counter[str]()
    for name in known:  # once to warm the page cache
        (lake / name).read_bytes()

    def ours() -> None:
        for name in known:
            with (lake / name).open("rb") as stream:
                found[name] = detect(stream, "").media_type

    _, ours_took = timed(ours)
    usable = {name: told for name, told in known.items() if (lake / name).stat().st_size}
    for name, promised in usable.items():
        if found[name] != promised and found[name] not in _SAME.get(promised, set()):
            wrong[f"{promised} taken for {found[name]}"] += 1
    modality = kinds.modalities
    strayed = sum(modality.get(found[name], "other") != modality.get(promised, "other") for name, promised in usable.items())
    types = len(set(usable.values()))
    return {"files": len(usable), "types": types, "wrong": wrong.most_common(), "strayed": strayed, "per_cpu_s": len(known) / ours_took["cpu_s"]}


def formats_stage(lake: Path) -> dict[str, Any]:
    """CPU-microseconds a file by media type: open + read + hash, detection, headers or text, decoder; the best of three, in this process."""
    kinds, folders = detection.kinds(), Folders(str(lake))
    load_decoders(["audio", "video"])
    listed = walk(lake, lambda _path, _name: False)
    rows = listed.filter(listed["reason"].is_null()).select("path", "size_bytes", "mtime_ns", "inode").rows()
    best: dict[str, tuple[str, int, tuple[int, ...]]] = {}
    for row in rows * 3:
        try:
            media_type, spent = _steps(lake, kinds, folders, row)
        except UnreadableFile:
            continue
        known = best.get(row[0])
        best[row[0]] = (media_type, row[1], spent if known is None else tuple(map(min, known[2], spent)))
    found: dict[str, list[float]] = {}
    for media_type, size, spent in best.values():
        for name in (media_type, "all"):
            totals = found.setdefault(name, [0.0] * 6)
            totals[:] = [total + value for total, value in zip(totals, (1, size, *spent), strict=True)]
    return {"formats": {name: [count, size / count / 1e3, *(value / count / 1e3 for value in spent)] for name, (count, size, *spent) in found.items()}}


def _steps(lake: Path, kinds: detection.Kinds, folders: Folders, row: tuple[str, int, int, int]) -> tuple[str, tuple[int, ...]]:
    """(media type, nanoseconds of each step) of one file, as `survey_file` and `decide_file` go through it."""
    times = [time.process_time_ns()]
    descriptor, facts = folders.open(row[0])
    surveying.require_stillness(facts, row)
    stream, _ = surveying._read(descriptor, row[1])  # noqa: SLF001 - the step is what is timed
    surveying.require_stillness(os.fstat(descriptor), row)
    times.append(time.process_time_ns())
    found, text = kinds.tell(stream, row[0])
    times.append(time.process_time_ns())
    status, *_ = surveying._verdict(stream, (found.modality, found.media_type), row[1], text)  # noqa: SLF001 - the step is what is timed
    os.close(descriptor)
    times.append(time.process_time_ns())
    if status == surveying.UNDECIDED:
        decide_file(lake, (row, (found.modality, found.media_type)))
    times.append(time.process_time_ns())
    return found.media_type, tuple(after - before for before, after in pairwise(times))


def floor_stage(root: Path) -> dict[str, Any]:
    """Walk, then read and hash all bytes, with one thread a core; the walk alone as well."""

    def listed() -> list[str]:
        found, folders = [], [str(root)]
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        entry.stat(follow_symlinks=False)
                        found.append(entry.path)
        return found

    def whole() -> list[str]:
        paths = listed()
        with ThreadPoolExecutor(CORES) as threads:
            list(threads.map(hash_files, [paths[start::CORES] for start in range(CORES)]))
        return paths

    whole()  # warms the page cache
    _, walked = timed(listed)
    paths, read = timed(whole)
    return {"files": len(paths), "walk": walked, "read": read}


def scan_stage(raw: Path, state: Path) -> dict[str, Any]:
    """A first scan."""
    shutil.rmtree(state, ignore_errors=True)
    summary, took = timed(lambda: scan(Settings(raw=raw, state=state)))
    return {"files": sum(summary.files.values()), **took}


def isolated_stage(raw: Path, state: Path) -> dict[str, Any]:
    """A first scan with one worker."""
    return _one_at_a_time(raw, state)


def bare_stage(raw: Path, state: Path) -> dict[str, Any]:
    """A first scan whose files are looked into by this very process."""
    examining._pool = lambda function, *_, **__: Bare(function)  # noqa: SLF001 - the seam where isolation is put in
    return _one_at_a_time(raw, state)


def _one_at_a_time(raw: Path, state: Path) -> dict[str, Any]:
    load_decoders(["audio", "video"])
    shutil.rmtree(state, ignore_errors=True)
    return timed(lambda: scan(Settings(raw=raw, state=state, workers=1)))[1]


class Bare:
    """A pool without processes."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, items: Sequence[Any]) -> Iterator[Outcome]:
        """One outcome for each item."""
        for index, item in enumerate(items):
            try:
                yield Outcome(index, self.function(item))
            except UnreadableFile as error:
                yield Outcome(index, reason=error.reason, detail=error.detail)


def rescan_stage(raw: Path, state: Path) -> dict[str, Any]:
    """Unchanged rescans, the best of three, and the walk alone."""
    settings = Settings(raw=raw, state=state)
    rounds = [timed(lambda: scan(settings)) for _ in range(3)]
    assert not any(summary.published for summary, _ in rounds)
    _, walked = timed(lambda: walk(raw, ignored_paths(settings), besides=state))
    return {"files": sum(rounds[0][0].files.values()), "walk": walked, **min((took for _, took in rounds), key=lambda took: took["wall_s"])}


def chill(root: Path) -> None:
    """Ask the kernel to forget the files' pages, so that the next reader goes to the disk."""
    os.sync()
    for path in root.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def cold_floor_stage(root: Path) -> dict[str, Any]:
    """Read and hash all bytes from the disk, one thread a core."""
    chill(root)
    paths = [str(path) for path in root.rglob("*") if path.is_file()]

    def read() -> None:
        with ThreadPoolExecutor(CORES) as threads:
            list(threads.map(hash_files, [paths[start::CORES] for start in range(CORES)]))

    return timed(read)[1]


def cold_scan_stage(raw: Path, state: Path) -> dict[str, Any]:
    """A first scan from the disk."""
    chill(raw)
    return scan_stage(raw, state)


def hash_files(paths: list[str]) -> None:
    """Read and hash, no more."""
    for path in paths:
        digest = xxhash.xxh3_128()
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - the floor is the bare call
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        digest.hexdigest()


def decode_stage(lake: Path) -> dict[str, Any]:
    """Decode and measure all checks of some files of each modality, in this process."""
    settings = Settings(raw=lake, state=lake.with_name("state"))
    table = Store(settings.state).table("catalog")
    if table.is_empty():
        scan(settings)
        table = Store(settings.state).table("catalog")
    answer = {}
    for modality in plugins.modalities():
        rows = table.filter((table["modality"] == modality) & (table["status"] == "ok")).sort("file_id").head(PER_MODALITY)
        checks = plugins.checks(modality)

        def work(rows: Any = rows, modality: str = modality, checks: Any = checks) -> int:
            done = 0
            for path, media_type in rows.select("path", "media_type").iter_rows():
                try:
                    decoded = decode(lake, path, modality, media_type)
                except UnreadableFile:
                    continue
                for check in checks:
                    check.measure(decoded)
                done += 1
            return done

        done, took = timed(work)
        if done:
            answer[modality] = {"files": done, "per_cpu_s": done / took["cpu_s"], "kb": rows["size_bytes"].sum() / rows.height / 1000}
    return {"modalities": answer}


STAGES: dict[str, Callable[..., dict[str, Any]]] = {
    "detection": detection_stage,
    "formats": formats_stage,
    "floor": floor_stage,
    "cold-floor": cold_floor_stage,
    "scan": scan_stage,
    "cold-scan": cold_scan_stage,
    "isolated": isolated_stage,
    "bare": bare_stage,
    "rescan": rescan_stage,
    "decode": decode_stage,
}

if __name__ == "__main__":
    print(json.dumps(STAGES[sys.argv[1]](*map(Path, sys.argv[2:]))))
