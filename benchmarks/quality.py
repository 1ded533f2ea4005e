"""Recall of planted faults, false alarms on clean files, and files per CPU-second of all checks beside decoding alone.

    python benchmarks/quality.py [FOLDER] [--files 60] [--half report]

Clean files are generated, and taken from FOLDER: at most so many of each of its folders and kinds. FOLDER's files are halved by
a hash of their content: thresholds are chosen on one half (`--half choose`) and reported on the other. Each fault is planted
into every clean file in which it can show and which does not fail the check already (`faults.py` says which and how strong).
False alarms are the shares of all of FOLDER's files of that half (of generated ones without it) that fail a check.
"""

import argparse
import hashlib
import io
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from faults import Fault, all_faults, wav
from faults_pages import document_faults, film_faults, office_faults
from PIL import Image

from unified_assets import files
from unified_assets.core import plugins
from unified_assets.core.errors import UnreadableFile
from unified_assets.quality.measure import glance_stream, measure_decoded

WORDS = ["plum", "harvest", "river", "stone", "letter", "window", "garden", "winter", "morning", "village", "captain", "market", "silver", "bridge"]
KINDS = {
    "image": (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif"),
    "audio": (".wav", ".flac", ".ogg", ".mp3"),
    "text": (".txt", ".md", ".json", ".xml", ".html"),
    "table": (".csv", ".tsv"),
    "document": (".pdf",),
    "office": (".docx", ".pptx", ".odt"),
    "video": (".mp4",),
}
TARGETS = {"image": 400, "audio": 300, "text": 3_000}
HALVES = ("choose", "report")


class Sample(NamedTuple):
    """A file: its name, which helps to tell its type, and its bytes."""

    name: str
    data: bytes


def main() -> None:
    """Print one line for each fault, then the false alarms and the speeds."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--files", type=int, default=60, help="generated of each kind; at most so many of each folder and kind")
    ask.add_argument("--half", choices=HALVES, default="report")
    ask.add_argument("--checks", help="only these, with commas between")
    args = ask.parse_args()
    speeds()
    generated = {
        "image": [Sample("a.png", picture(seed)) for seed in range(args.files)],
        "audio": [Sample("a.wav", sound(seed)) for seed in range(args.files)],
        "text": [Sample("a.txt", prose(seed).encode()) for seed in range(args.files)],
        "table": [Sample("a.csv", table(seed)) for seed in range(args.files)],
    }
    real = {kind: list(real_files(args.folder, kind, args.half, args.files)) for kind in KINDS} if args.folder else {}
    recall(generated, real, None if args.checks is None else set(args.checks.split(",")))
    alarms({kind: real_files(args.folder, kind, args.half, None) if args.folder else iter(generated.get(kind, [])) for kind in KINDS})


def picture(seed: int, side: int = 320) -> bytes:
    """A PNG with structure at several sizes."""
    rng = np.random.default_rng(seed)
    layers = [Image.fromarray(rng.integers(0, 256, (size, size, 3)).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST) for size in (4, 40)]
    target = io.BytesIO()
    Image.blend(*layers, 0.5).save(target, "PNG")
    return target.getvalue()


def sound(seed: int, rate_hz: int = 16_000) -> bytes:
    """A second of syllables: bursts of noise and tones over a faint floor, as WAV."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(rate_hz) / rate_hz
    wave = rng.normal(0, 0.002, rate_hz)
    for start in np.arange(0.05, 0.8, 0.2):
        shape = np.exp(-np.square((time_s - start - 0.06) / 0.04))
        wave += shape * (0.3 * np.sin(2 * np.pi * rng.uniform(150, 900) * time_s) + rng.normal(0, 0.08, rate_hz))
    return wav(wave, rate_hz)


def prose(seed: int, characters: int = 6_700) -> str:
    """Sentences of random words, no two lines alike."""
    rng = np.random.default_rng(seed)
    lines: list[str] = []
    while sum(map(len, lines)) < characters:
        lines.append("The " + " ".join(rng.choice(WORDS, 9)) + f" of {int(rng.integers(10_000))} was there, and it is with you.\n")
    return "".join(lines)


def table(seed: int) -> bytes:
    """A csv of numbers and words."""
    rng = np.random.default_rng(seed)
    rows = "".join(f"{index},{rng.choice(WORDS)},{rng.normal():.3f},{rng.integers(100)}\n" for index in range(60))
    return ("number,word,value,count\n" + rows).encode()


def real_files(folder: Path, kind: str, half: str, most: int | None) -> Iterator[Sample]:
    """Files of a kind in one half, in random order, at most so many of each folder directly below."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in KINDS[kind] and path.is_file())
    taken: Counter[str] = Counter()
    for index in np.random.default_rng(5).permutation(len(paths)):
        top = paths[index].relative_to(folder).parts[0]
        if most is not None and taken[top] >= most:
            continue
        data = paths[index].read_bytes()
        if HALVES[hashlib.sha256(data).digest()[0] % 2] == half:
            taken[top] += 1
            yield Sample(paths[index].name, data)


def failing(data: bytes, name: str = "") -> set[str]:
    """The names of the checks a file fails, or what its reading failed by."""
    try:
        found = files.detect(io.BytesIO(data), name)
        decoded = glance_stream(io.BytesIO(data), found.modality, found.media_type)
    except UnreadableFile:
        return {"(unreadable)"}
    checks = plugins.discover("checks")
    measured = measure_decoded(decoded, found.modality, found.media_type)
    return {name for name, value, _ in measured.values if checks[name].fails(value, float(checks[name].threshold))}


def recall(generated: dict[str, list[Sample]], real: dict[str, list[Sample]], only: set[str] | None) -> None:
    """Print how many planted faults were found, of how many."""
    print(f"\n{'check':<18}{'planted':<42}{'generated':>10}{'real':>8}{'of':>6}  into")
    for fault in [*all_faults(), *document_faults(), *office_faults(), *film_faults()]:
        if only is not None and fault.check not in only:
            continue
        shares = [found_of(fault, source.get(fault.kind, [])) for source in (generated, real)]
        shown = ["-" if not of else f"{found / of:.3f}" for found, of in shares]
        print(f"{fault.check:<18}{fault.what:<42}{shown[0]:>10}{shown[1]:>8}{shares[1][1]:>6}  {fault.into}", flush=True)


def found_of(fault: Fault, source: list[Sample]) -> tuple[int, int]:
    """(how many of the planted faults were found, how many were planted)."""
    rng = np.random.default_rng(3)
    clean = [sample for sample in source if fault.fits(sample.data) and fault.check not in failing(sample.data, sample.name)]
    return sum(fault.check in failing(fault.plant(sample.data, rng), sample.name) for sample in clean), len(clean)


def alarms(source: dict[str, Iterator[Sample]]) -> None:
    """Print the share of unchanged files that fail each check."""
    print("\nchecks that unchanged files fail (without the rule for folders made so)")
    for kind, samples in source.items():
        found: dict[str, list[str]] = defaultdict(list)
        count = 0
        for sample in samples:
            count += 1
            for name in failing(sample.data, sample.name):
                found[name].append(sample.name)
        for name, listed in sorted(found.items()):
            print(f"  {kind:<8}{name:<22}{len(listed) / count:.1%} of {count}: {', '.join(listed[:3])}", flush=True)


def speeds() -> None:
    """Print files per CPU-second: from bytes through detection, decoding, all checks and the signature of near duplicates."""
    print("files per CPU-second, the best of 8 spells of 0.3 s each")
    rng = np.random.default_rng(1)
    noisy = Image.fromarray(rng.integers(0, 256, (96, 128, 3)).astype(np.uint8)).resize((1024, 768), Image.Resampling.BICUBIC)
    target = io.BytesIO()
    noisy.save(target, "JPEG", quality=70)
    for kind, name, data in (("image", "a.jpg", target.getvalue()), ("audio", "a.wav", sound(1)), ("text", "a.txt", prose(1).encode())):
        found = files.detect(io.BytesIO(data), name)
        floor = best(lambda: files.decode_stream(io.BytesIO(data), found.modality, found.media_type))  # noqa: B023 - called at once
        whole = best(lambda: failing(data, name))  # noqa: B023 - called at once
        print(f"  {kind:<8}{len(data) / 1000:7.1f} kB   all checks {whole:7.0f} (target {TARGETS[kind]:,})   decoding whole alone {floor:7.0f}")


def best(call: Callable[[], object], spells: int = 8, spell_s: float = 0.3) -> float:
    """Calls per CPU-second in the best of several spells: others use the machine, too."""
    rates = []
    for _ in range(spells):
        begun, count = time.process_time(), 0
        while time.process_time() - begun < spell_s:
            call()
            count += 1
        rates.append(count / (time.process_time() - begun))
    return max(rates)


if __name__ == "__main__":
    main()
