"""The data plane against floors measured in the same run: ratios are what to quote, the machine's speed is not.

    python benchmarks/data_plane.py [FOLDER] [--tiny 200000] [--part detection formats scan isolation rescan decode rivals]

1. detection: copies of the files (the sample lake, and FOLDER if given) under names without an extension, each detected by its
   content; right is what its extension promised;
   formats: CPU-microseconds of each step of a first scan, by media type;
2. scan: first scan of those files, of several links to each, and of the large ones among them, against reading and hashing all
   their bytes with as many threads;
3. isolation: the same scan with one worker process, against the same functions called in this process, decoders loaded;
4. rescan: first scan and unchanged rescan of many tiny files, against scandir + stat and against reading and hashing them;
5. decode: decode + all checks of each file, files a CPU-second by modality;
6. rivals: libmagic, CleanVision, imagededup and DataChain on the same files, each where it is installed (see rivals.py).
Every measured stage runs in a process of its own and reports CPU-seconds (its children's too), wall seconds and peak memory.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import data_plane_stages
import rivals

from unified_assets import sample
from unified_assets.compute.inventory import usable_cores
from unified_assets.files import detection

PARTS = ("detection", "formats", "scan", "isolation", "rescan", "decode", "rivals")
LARGE_BYTES = 64 << 10


def main() -> None:
    """Run the parts that were asked for."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--tiny", type=int, default=200_000)
    ask.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    ask.add_argument("--scratch", type=Path, help="keep the copies and tiny files here, and find them again")
    args = ask.parse_args()
    if args.scratch:
        report(args.scratch, args)
        return
    with tempfile.TemporaryDirectory(prefix="unified-assets-") as scratch:
        report(Path(scratch), args)


def report(scratch: Path, args: argparse.Namespace) -> None:
    """Print one line a figure, the floor beside it."""
    print(f"{usable_cores()} cores, load {os.getloadavg()[0]:.1f}")
    lake = scratch / "lake"
    if not lake.is_dir():
        gather(lake, args.folder)
    figures: dict[str, float] = {}
    if "detection" in args.part:
        figures["detection"] = print_detection(stage("detection", lake))
    if "formats" in args.part:
        print_formats(stage("formats", lake)["formats"])
    if "scan" in args.part:
        print_scan("files", lake, scratch / "state")
        print_cold(lake, scratch / "state")
        print_scan("eight links to each", link_all(lake, scratch / "many"), scratch / "state-many")
        print_scan(f"pictures, sounds and films of {LARGE_BYTES >> 10} KiB or more", link_large(lake, scratch / "large"), scratch / "state-large")
    if "isolation" in args.part:
        print_isolation(link_all(lake, scratch / "many"), scratch / "state-many")
    if "rescan" in args.part:
        tiny = scratch / f"tiny{args.tiny}"
        if not tiny.is_dir():
            write_tiny(tiny, args.tiny)
        print_scan(f"{args.tiny} tiny files", tiny, scratch / "state-tiny")
        figures["rescan"] = print_rescan(tiny, scratch / "state-tiny")
    if "decode" in args.part:
        figures |= print_decode(stage("decode", lake)["modalities"])
    if "rivals" in args.part:
        print_rivals(lake, figures)


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


def link_all(lake: Path, folder: Path) -> Path:
    """A folder of links to the files of the lake, eight to each: starting the workers is then little of the scan."""
    return _linked(lake, folder, sorted(json.loads(lake.with_name("truth.json").read_text())), 8)


def link_large(lake: Path, folder: Path) -> Path:
    """A folder of links to its large media files, forty to each."""
    kinds = detection.kinds()
    truth: dict[str, str] = json.loads(lake.with_name("truth.json").read_text())
    media = [name for name, suffix in truth.items() if kinds.modalities.get(kinds.promises.get(suffix, "")) in {"image", "audio", "video"}]
    return _linked(lake, folder, [name for name in media if (lake / name).stat().st_size >= LARGE_BYTES], 40)


def _linked(lake: Path, folder: Path, names: list[str], times: int) -> Path:
    for number in () if folder.is_dir() else range(times):
        (folder / f"{number:02d}").mkdir(parents=True)
        for name in names:
            os.link(lake / name, folder / f"{number:02d}" / name)
    return folder


def stage(name: str, *paths: Path) -> dict[str, Any]:
    """Run one stage in a process of its own: what it says."""
    return answer_of([sys.executable, data_plane_stages.__file__, name, *map(str, paths)], name)


def answer_of(command: list[str], name: str) -> dict[str, Any]:
    """The JSON that a process prints last."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def print_detection(told: dict[str, Any]) -> float:
    """Accuracy, speed and what was taken for what."""
    right = told["files"] - sum(count for _, count in told["wrong"])
    print(f"detection by content: {right / told['files']:.4f} of {told['files']} files of {told['types']} types right, {told['per_cpu_s']:,.0f} files/CPU-s")
    print(f"  in the right modality: {1 - told['strayed'] / told['files']:.4f}")
    for what, count in told["wrong"]:
        print(f"  {count:>4} {what}")
    return float(told["per_cpu_s"])


def print_formats(told: dict[str, list[float]]) -> None:
    """What a file of each media type costs, those that cost most in all first."""
    print(f"{'CPU-us a file':<42}{'files':>7}{'KB':>8}{'read':>8}{'detect':>8}{'headers':>9}{'decoder':>9}")
    for name, (count, size_kb, *spent) in sorted(told.items(), key=lambda item: -item[1][0] * sum(item[1][2:])):
        print(f"{name[-40:]:<42}{count:>7.0f}{size_kb:>8.1f}{spent[0]:>8.1f}{spent[1]:>8.1f}{spent[2]:>9.1f}{spent[3]:>9.1f}")


def print_decode(told: dict[str, dict[str, float]]) -> dict[str, float]:
    """How fast files are decoded and checked, by modality; that of pictures."""
    for modality, one in told.items():
        print(f"decode + checks, {modality:<9}{one['per_cpu_s']:>10,.0f} files/CPU-s   ({one['files']} files, mean {one['kb']:.0f} KB)")
    return {"pictures": told["image"]["per_cpu_s"]} if "image" in told else {}


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


def print_isolation(raw: Path, state: Path) -> None:
    """What worker processes cost: the median of three pairs of scans, in CPU-seconds."""
    pairs = [(stage("isolated", raw, state)["cpu_s"], stage("bare", raw, state)["cpu_s"]) for _ in range(3)]
    inside, outside = (statistics.median(values) for values in zip(*pairs, strict=True))
    each = (inside - outside) / sum(path.is_file() for path in raw.rglob("*"))
    print(f"isolation: {inside:.2f} CPU-s in a worker, {outside:.2f} without, {inside / outside - 1:+.0%}, {each * 1e6:.0f} us a file")


def print_rivals(lake: Path, ours: dict[str, float]) -> None:
    """Others on the same files, ours beside them where its part ran in this run."""
    for name, rival in rivals.RIVALS.items():
        if not rivals.installed(name):
            print(f"{name}: not installed, skipped (pip install {rival.package})")
            continue
        try:
            told = answer_of([sys.executable, rivals.__file__, name, str(lake)], name)
        except SystemExit as error:
            print(f"{name}: {str(error).splitlines()[-1]}")
            continue
        speed = told["files"] / max(told["cpu_s"], 1e-9)
        right = f", {told['right'] / told['files']:.4f} right" if "right" in told else ""
        beside = f"; ours, {rival.compared_with}: {ours[rival.compared_with]:,.0f}" if rival.compared_with in ours else ""
        print(f"{name}: {speed:,.0f} files/CPU-s{right} ({told['files']} files){beside}")


def print_rescan(raw: Path, state: Path) -> float:
    """The unchanged rescan against scandir + stat."""
    floor, again = stage("floor", raw), stage("rescan", raw, state)
    speed = {what: again["files"] / again[what] for what in ("wall_s", "cpu_s")}
    ratio = again["cpu_s"] / floor["walk"]["cpu_s"]
    print(
        f"unchanged rescan: {speed['wall_s']:,.0f} files/s, {speed['cpu_s']:,.0f} files/CPU-s, {ratio:.2f} x scandir + stat, peak {again['peak_mib']:.0f} MiB"
    )
    return speed["cpu_s"]


if __name__ == "__main__":
    main()
