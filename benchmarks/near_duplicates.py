"""Recall of near duplicates for each kind of copy, and precision, on generated files and on those of a folder.

    python benchmarks/near_duplicates.py [FOLDER] [--pictures 300]

Each original gets one copy of each kind; the originals and their copies of one kind are compared at once. A copy is found
where it is in the group of its original. A pair of different originals (or of their copies) in one group is wrong, unless the
originals of a folder are said to be alike by themselves: what a folder repeats is listed, to be looked at by a person.
The same is measured for texts and for sounds. The last lines say how time grows.
"""

import argparse
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from copies import (
    COPIES,
    HALVES,
    SOUND_COPIES,
    TEXT_COPIES,
    Picture,
    Sound,
    article,
    drawing,
    melody,
    photograph,
    pictures_of,
    sounds_of,
    texts_of,
)
from PIL import Image

from unified_assets.core.media import DecodedAudio
from unified_assets.quality import similarity, sounds, texts

Grouping = Callable[[list[bytes]], list[list[int]]]
SIZES = (1_000, 4_000, 16_000)


def main() -> None:
    """Print a table for each source of pictures, then texts, sounds and times."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--pictures", type=int, default=300)
    ask.add_argument("--half", choices=HALVES, default="report", help="of the folder's files, by a hash of their content")
    args = ask.parse_args()
    sources: dict[str, list[Picture]] = {
        "generated photographs": [photograph(seed) for seed in range(args.pictures)],
        "generated drawings on plain ground": [drawing(seed) for seed in range(args.pictures)],
        "generated symbols of 28 px": [drawing(seed).resize((28, 28), Image.Resampling.LANCZOS) for seed in range(args.pictures)],
    }
    if args.folder:
        for name, pictures in pictures_of(args.folder, args.pictures, args.half).items():
            sources[f"folder, {name}"] = pictures
    for name, pictures in sources.items():
        pictures_table(name, pictures)
    texts_table("generated articles", [article(seed) for seed in range(args.pictures)])
    sounds_table("generated melodies", [melody(seed) for seed in range(args.pictures)])
    if args.folder:
        texts_table("folder, texts", texts_of(args.folder, args.pictures, args.half))
        sounds_table("folder, sounds", sounds_of(args.folder, args.pictures, args.half))
    growth()


def pictures_table(name: str, originals: list[Picture]) -> None:
    """Print recall and precision for each kind of copy of pictures."""

    def mark(picture: Picture) -> bytes:
        return similarity.signature(np.asarray(picture))

    rng = np.random.default_rng(11)
    copies = {kind: [mark(change(picture, rng)) for picture in originals] for kind, change in COPIES.items()}
    report(name, [mark(picture) for picture in originals], copies, similarity.near_duplicates)


def texts_table(name: str, originals: list[list[str]]) -> None:
    """Print recall and precision for each kind of copy of texts."""

    def mark(text: str) -> bytes | None:
        return texts.signature(text.lower().split())

    rng = np.random.default_rng(11)
    known = [lines for lines in originals if mark("\n".join(lines)) is not None]
    copies = {kind: [mark(change(lines, rng)) or bytes(4 * texts.BINS) for lines in known] for kind, change in TEXT_COPIES.items()}
    report(name, [mark("\n".join(lines)) or b"" for lines in known], copies, texts.near_duplicates)


def sounds_table(name: str, originals: list[Sound]) -> None:
    """Print recall and precision for each kind of copy of sounds."""

    def mark(sound: Sound) -> bytes | None:
        return sounds.signature(DecodedAudio(samples=sound[0][:, None], sample_rate_hz=sound[1]))

    rng = np.random.default_rng(11)
    known = [sound for sound in originals if mark(sound) is not None]
    nothing = bytes(similarity.SIGNATURE_BYTES)
    copies = {kind: [mark(change(sound, rng)) or nothing for sound in known] for kind, change in SOUND_COPIES.items()}
    report(name, [mark(sound) or nothing for sound in known], copies, sounds.near_duplicates)


# ---------------------------------------------------------------------------------------------- counting


def report(name: str, marks: list[bytes], copies: dict[str, list[bytes]], grouped: Grouping) -> None:
    """Group the originals with their copies of one kind at a time, so that no copy is found by way of another."""
    alike = {frozenset(pair) for group in grouped(marks) for pair in combinations(group, 2)}
    count, hits, total_right, total_wrong = len(marks), 0, 0, 0
    begun = time.process_time()
    lines = []
    for kind, listed in copies.items():
        groups = grouped([*marks, *listed])
        group_of = {index: number for number, group in enumerate(groups) for index in group}
        found = sum(group_of.get(index, -1) == group_of.get(index + count, -2) for index in range(count))
        right, wrong = pairs(groups, count, alike)
        hits, total_right, total_wrong = hits + found, total_right + right, total_wrong + wrong
        lines.append(f"  {kind:<30} recall {found / count:.3f}   precision {right / max(right + wrong, 1):.3f} ({wrong} wrong pairs)")
    print(f"\n{name}: {count} originals, {time.process_time() - begun:.1f} CPU s; {len(alike)} pairs of originals alike by themselves")
    print("\n".join(lines))
    precision = total_right / max(total_right + total_wrong, 1)
    print(f"  {'all':<30} recall {hits / max(count * len(copies), 1):.3f}   precision {precision:.3f} ({total_wrong} wrong pairs)", flush=True)


def pairs(groups: list[list[int]], count: int, alike: set[frozenset[int]]) -> tuple[int, int]:
    """(pairs of one original, pairs of different ones that are not alike by themselves)."""
    right = wrong = 0
    for group in groups:
        for one, other in combinations(group, 2):
            right += one % count == other % count
            wrong += one % count != other % count and frozenset((one % count, other % count)) not in alike
    return right, wrong


def growth() -> None:
    """Print the time for lakes of growing size."""
    print("\nCPU seconds to group, with one copy in ten")
    print(f"  {'':>7} {'pictures':>10} {'texts':>10}")
    for size in SIZES:
        rng = np.random.default_rng(1)
        coarse = rng.normal(size=(size, 6, 6)) * 45 + 128
        planes = [np.asarray(Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8)).resize((similarity.SIDE, similarity.SIDE), 3)) for plane in coarse]
        marks = [plane.tobytes() + bytes([128]) * (similarity.SIGNATURE_BYTES - plane.size) for plane in planes]
        words = [rng.integers(0, 2**32, texts.BINS, dtype=np.uint32).tobytes() for _ in range(size)]
        seconds = []
        for listed, grouped in ((marks, similarity.near_duplicates), (words, texts.near_duplicates)):
            listed[: size // 10] = listed[size // 10 : 2 * (size // 10)]
            begun = time.process_time()
            found = grouped(listed)
            seconds.append(time.process_time() - begun)
            assert len(found) >= size // 10
        print(f"  {size:>7,} {seconds[0]:>10.2f} {seconds[1]:>10.2f}", flush=True)


if __name__ == "__main__":
    main()
