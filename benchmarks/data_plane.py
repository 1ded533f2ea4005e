"""The data plane against floors measured in the same run: ratios are what to quote, the machine's speed is not.

    python benchmarks/data_plane.py [FOLDER] [--tiny 200000] [--part detection scan rescan decode]

1. detection: copies of the files (the sample lake, and FOLDER if given) under names without an extension, each detected by its
   content; right is what its extension promised (libmagic on the same files where the module `magic` is installed);
2. scan: first scan of those files against reading and hashing all their bytes with as many threads;
3. rescan: first scan and unchanged rescan of many tiny files, against scandir + stat and against reading and hashing them;
4. decode: decode + all checks of each file, files a CPU-second by modality.
Every measured stage runs in a process of its own and reports CPU-seconds (its children's too), wall seconds and peak memory.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import xxhash

from unified_assets import sample
from unified_assets.catalog import scan
from unified_assets.catalog.ignoring import ignored_paths
from unified_assets.catalog.walking import walk
from unified_assets.compute.inventory import usable_cores
from unified_assets.core import plugins
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.settings import Settings
from unified_assets.files import decode, detect, detection
from unified_assets.store.local import Store

PARTS = ("detection", "scan", "rescan", "decode")
CORES = usable_cores()
PER_MODALITY = 150
_SAME = {"text/xml": {"text/html"}, "application/json": {"application/jsonl"}, "application/jsonl": {"application/json"}}


def main() -> None:
    """Run the parts that were asked for."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--tiny", type=int, default=200_000)
    ask.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    ask.add_argument("--scratch", type=Path, help="keep the copies and tiny files here, and find them again")
    ask.add_argument("--stage", nargs="+", help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.stage:
        print(json.dumps(STAGES[args.stage[0]](*map(Path, args.stage[1:]))))
        return
    if args.scratch:
        report(args.scratch, args)
        return
    with tempfile.TemporaryDirectory(prefix="unified-assets-") as scratch:
        report(Path(scratch), args)


def report(scratch: Path, args: argparse.Namespace) -> None:
    """Print one line a figure, the floor beside it."""
    print(f"{CORES} cores, load {os.getloadavg()[0]:.1f}")
    lake = scratch / "lake"
    if not lake.is_dir():
        gather(lake, args.folder)
    if "detection" in args.part:
        print_detection(stage("detection", lake))
    if "scan" in args.part:
        print_scan("files", lake, scratch / "state")
        print_cold(lake, scratch / "state")
    if "rescan" in args.part:
        tiny = scratch / f"tiny{args.tiny}"
        if not tiny.is_dir():
            write_tiny(tiny, args.tiny)
        print_scan(f"{args.tiny} tiny files", tiny, scratch / "state-tiny")
        print_rescan(tiny, scratch / "state-tiny")
    if "decode" in args.part:
        for modality, figures in stage("decode", lake)["modalities"].items():
            print(f"decode + checks, {modality:<9}{figures['per_cpu_s']:>10,.0f} files/CPU-s   ({figures['files']} files, mean {figures['kb']:.0f} KB)")


def gather(lake: Path, folder: Path | None) -> None:
    """Copies without extensions; `truth.json` beside them says what they were."""
    made = lake.with_name("sample")
    if not made.is_dir():
        sample.write(made)
    truth: dict[str, str] = {}
    lake.mkdir(parents=True)
    for root in (made, *([folder] if folder else [])):
        for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
            name = f"{len(truth):06d}"
            shutil.copyfile(path, lake / name)
            truth[name] = path.suffix.lower().removeprefix(".")
    lake.with_name("truth.json").write_text(json.dumps(truth))


def write_tiny(root: Path, count: int) -> None:
    """A thousand small texts to a folder."""
    for number in range(count):
        if number % 1000 == 0:
            folder = root / f"{number // 100_000}" / f"{number // 1000:05d}"
            folder.mkdir(parents=True)
        (folder / f"{number % 1000}.txt").write_bytes(b"note %d says little\n" % number)


def stage(name: str, *paths: Path) -> dict[str, Any]:
    """Run one stage in a process of its own: what it says, with `wall_s`, `cpu_s` and `peak_mib` of the largest process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, __file__, "--stage", name, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"process_wall_s": time.perf_counter() - began, "process_cpu_s": cpu, **answer}


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
    known = {name: media_type for name, suffix in truth.items() if (media_type := detection._by_extension().get(suffix))}  # noqa: SLF001 - the table of promises
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
    modality = detection._by_media_type()  # noqa: SLF001 - as above
    strayed = sum(modality.get(found[name], "other") != modality.get(promised, "other") for name, promised in usable.items())
    types = len(set(usable.values()))
    answer = {"files": len(usable), "types": types, "wrong": wrong.most_common(), "strayed": strayed, "per_cpu_s": len(known) / ours_took["cpu_s"]}
    if importlib.util.find_spec("magic") is not None:
        import magic

        teller = magic.Magic(mime=True)
        told: dict[str, str] = {}
        _, took = timed(lambda: told.update((name, teller.from_file(str(lake / name))) for name in usable))
        answer["libmagic"] = {"right": sum(told[name] == promised for name, promised in usable.items()), "per_cpu_s": len(usable) / took["cpu_s"]}
    return answer


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


def print_detection(told: dict[str, Any]) -> None:
    """Accuracy, speed and what was taken for what."""
    right = told["files"] - sum(count for _, count in told["wrong"])
    print(f"detection by content: {right / told['files']:.4f} of {told['files']} files of {told['types']} types right, {told['per_cpu_s']:,.0f} files/CPU-s")
    print(f"  in the right modality: {1 - told['strayed'] / told['files']:.4f}")
    for what, count in told["wrong"]:
        print(f"  {count:>4} {what}")
    if "libmagic" in told:
        print(f"  libmagic: {told['libmagic']['right'] / told['files']:.4f}, {told['libmagic']['per_cpu_s']:,.0f} files/CPU-s")


def print_scan(name: str, raw: Path, state: Path) -> None:
    """The first scan against its floor."""
    floor, first = stage("floor", raw), stage("scan", raw, state)
    for what in ("wall_s", "cpu_s"):
        ratio = first[what] / floor["read"][what]
        print(f"first scan of {name}, {what[:-2]:<4}: {first[what]:.2f} s, read and hash {floor['read'][what]:.2f} s, ratio {ratio:.2f}")
    print(f"  {first['files'] / first['wall_s']:,.0f} files/s, {first['files'] / first['cpu_s']:,.0f} files/CPU-s, peak {first['peak_mib']:.0f} MiB")


def print_cold(raw: Path, state: Path) -> None:
    """The same from the disk: wall seconds, as waiting is most of it."""
    floor, first = stage("cold-floor", raw), stage("cold-scan", raw, state)
    print(f"  from the disk: {first['wall_s']:.2f} s, read and hash {floor['wall_s']:.2f} s, ratio {first['wall_s'] / floor['wall_s']:.2f}")


def print_rescan(raw: Path, state: Path) -> None:
    """The unchanged rescan against scandir + stat."""
    floor, again = stage("floor", raw), stage("rescan", raw, state)
    speed = {what: again["files"] / again[what] for what in ("wall_s", "cpu_s")}
    ratio = again["cpu_s"] / floor["walk"]["cpu_s"]
    print(
        f"unchanged rescan: {speed['wall_s']:,.0f} files/s, {speed['cpu_s']:,.0f} files/CPU-s, {ratio:.2f} x scandir + stat, peak {again['peak_mib']:.0f} MiB"
    )


STAGES: dict[str, Callable[..., dict[str, Any]]] = {
    "detection": detection_stage,
    "floor": floor_stage,
    "cold-floor": cold_floor_stage,
    "scan": scan_stage,
    "cold-scan": cold_scan_stage,
    "rescan": rescan_stage,
    "decode": decode_stage,
}

if __name__ == "__main__":
    main()
