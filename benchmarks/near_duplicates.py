"""Recall of near duplicates for each kind of copy, and precision, on generated pictures and on those of a folder.

    python benchmarks/near_duplicates.py [FOLDER] [--pictures 300]

Each original gets one copy of each kind; all originals and all copies are compared with each other at once. A copy is found
where it is in the group of its original. A pair of different originals (or of their copies) in one group is wrong, unless the
originals of a folder are said to be alike by themselves: what a folder repeats is listed, to be looked at by a person.
The same is measured for texts (revisions of generated articles) and for sounds. The last lines say how time grows.
"""

import argparse
import io
import time
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from unified_assets.quality import similarity

Picture = Image.Image
SIZES = (1_000, 2_000, 4_000, 8_000, 16_000)


def main() -> None:
    """Print a table for each source of pictures, then texts, sounds and times."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--pictures", type=int, default=300)
    args = ask.parse_args()
    sources: dict[str, list[Picture]] = {
        "generated photographs": [photograph(seed) for seed in range(args.pictures)],
        "generated drawings on plain ground": [drawing(seed) for seed in range(args.pictures)],
        "generated symbols of 28 px": [drawing(seed).resize((28, 28), Image.Resampling.LANCZOS) for seed in range(args.pictures)],
    }
    if args.folder:
        for name, pictures in pictures_of(args.folder, args.pictures).items():
            sources[f"folder, {name}"] = pictures
    for name, pictures in sources.items():
        pictures_table(name, pictures)
    growth()


# ---------------------------------------------------------------------------------------------- pictures


def photograph(seed: int) -> Picture:
    """Random colours with structure at several sizes, as photographs have."""
    rng = np.random.default_rng(seed)
    layers = [Image.fromarray(rng.integers(0, 256, (size, size, 3)).astype(np.uint8)).resize((320, 240), Image.Resampling.BICUBIC) for size in (4, 8, 24)]
    return Image.blend(Image.blend(layers[0], layers[1], 0.4), layers[2], 0.3)


def drawing(seed: int) -> Picture:
    """A few shapes and strokes on a plain ground."""
    rng = np.random.default_rng(seed)
    dark = bool(rng.integers(2))
    picture = Image.new("RGB", (160, 160), (8, 8, 8) if dark else (250, 250, 250))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 5))):
        colour = tuple(int(level) for level in (rng.integers(120, 256, 3) if dark else rng.integers(0, 140, 3)))
        points = [tuple(map(int, rng.integers(16, 144, 2))) for _ in range(3)]
        shape = int(rng.integers(3))
        if shape == 0:
            draw.line(points, fill=colour, width=int(rng.integers(6, 16)))
        elif shape == 1:
            draw.polygon(points, fill=colour)
        else:
            radius, (x, y) = int(rng.integers(8, 40)), points[0]
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture


def pictures_of(folder: Path, limit: int) -> dict[str, list[Picture]]:
    """Evenly chosen pictures of a folder, those of less than 64 px apart."""
    found: dict[str, list[Picture]] = {"small pictures": [], "pictures": []}
    suffixes = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    order = np.random.default_rng(5).permutation(len(paths))
    for index in order:
        if all(len(listed) >= limit for listed in found.values()):
            break
        try:
            with Image.open(paths[index]) as opened:
                picture = flattened(opened)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        name = "small pictures" if min(picture.size) < 64 else "pictures"
        if min(picture.size) >= 16 and len(found[name]) < limit:
            picture.thumbnail((800, 800), Image.Resampling.BOX)
            found[name].append(picture)
    return found


def flattened(opened: Picture) -> Picture:
    """RGB, with transparency over white."""
    if opened.mode in {"RGBA", "LA", "P"}:
        layered = opened.convert("RGBA")
        canvas = Image.new("RGB", layered.size, "white")
        canvas.paste(layered, mask=layered.getchannel("A"))
        return canvas
    return opened.convert("RGB")


def encoded(picture: Picture, kind: str, **options: int) -> Picture:
    """Saved and opened again."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return Image.open(io.BytesIO(target.getvalue())).convert("RGB")


def resized(picture: Picture, factor: float, filtered: Image.Resampling = Image.Resampling.BICUBIC) -> Picture:
    """Both sides times a factor."""
    return picture.resize((max(1, round(picture.width * factor)), max(1, round(picture.height * factor))), filtered)


def cropped(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Without a share of the width and of the height, taken off both sides unevenly."""
    left, top = (rng.uniform(0.25, 0.75) * share * side for side in picture.size)
    right, bottom = picture.width - (share * picture.width - left), picture.height - (share * picture.height - top)
    return picture.crop((round(left), round(top), round(right), round(bottom)))


def tinted(picture: Picture, amount: int) -> Picture:
    """Warmer: red up, blue down."""
    pixels = np.asarray(picture).astype(np.int16) + np.array([amount, 0, -amount], np.int16)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


COPIES: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "jpeg, quality 80": lambda picture, _: encoded(picture, "JPEG", quality=80),
    "jpeg, quality 40": lambda picture, _: encoded(picture, "JPEG", quality=40),
    "webp, quality 60": lambda picture, _: encoded(picture, "WEBP", quality=60),
    "gif, 64 colours": lambda picture, _: picture.quantize(64).convert("RGB"),
    "resized 0.5": lambda picture, _: resized(picture, 0.5),
    "resized 0.65, jpeg 70": lambda picture, _: encoded(resized(picture, 0.65), "JPEG", quality=70),
    "resized 0.8, lanczos": lambda picture, _: resized(picture, 0.8, Image.Resampling.LANCZOS),
    "resized 2": lambda picture, _: resized(picture, 2),
    "cropped by 3 %": lambda picture, rng: cropped(picture, 0.03, rng),
    "cropped by 6 %": lambda picture, rng: cropped(picture, 0.06, rng),
    "brighter by a fifth": lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.2),
    "darker by a fifth": lambda picture, _: ImageEnhance.Brightness(picture).enhance(0.8),
    "more contrast": lambda picture, _: ImageEnhance.Contrast(picture).enhance(1.25),
    "less saturated": lambda picture, _: ImageEnhance.Color(picture).enhance(0.6),
    "warmer": lambda picture, _: tinted(picture, 12),
    "sharpened": lambda picture, _: picture.filter(ImageFilter.UnsharpMask(1, 60)),
}


def pictures_table(name: str, originals: list[Picture]) -> None:
    """Print recall for each kind of copy and the precision of pairs."""
    rng = np.random.default_rng(11)
    listed, owner, kinds = list(originals), list(range(len(originals))), ["original"] * len(originals)
    for kind, change in COPIES.items():
        listed += [change(picture, rng) for picture in originals]
        owner += range(len(originals))
        kinds += [kind] * len(originals)
    marks = [similarity.signature(np.asarray(picture)) for picture in listed]
    report(name, marks, owner, kinds, len(originals))


def report(name: str, marks: list[bytes], owner: list[int], kinds: list[str], originals: int) -> None:
    """Group all marks, and print what of it is right."""
    alike = {frozenset(pair) for group in grouped(marks[:originals]) for pair in combinations(group, 2)}
    begun = time.process_time()
    groups = grouped(marks)
    seconds = time.process_time() - begun
    group_of = {index: number for number, group in enumerate(groups) for index in group}
    found = Counter(kinds[index] for index in range(originals, len(marks)) if group_of.get(index, -1) == group_of.get(owner[index], -2))
    total = Counter(kinds[originals:])
    right, wrong = pairs(groups, owner, alike)
    print(f"\n{name}: {originals} originals, {len(marks)} in all, {seconds:.1f} CPU s; {len(alike)} pairs of originals alike by themselves")
    for kind in total:
        print(f"  {kind:<28} recall {found[kind] / total[kind]:.3f}")
    print(f"  {'all':<28} recall {sum(found.values()) / sum(total.values()):.3f}   precision {right / max(right + wrong, 1):.3f} ({wrong} wrong pairs)")


def grouped(marks: list[bytes]) -> list[list[int]]:
    """Near duplicates among signatures."""
    return similarity.near_duplicates(marks)


def pairs(groups: list[list[int]], owner: list[int], alike: set[frozenset[int]]) -> tuple[int, int]:
    """(pairs of one original, pairs of different ones that are not alike by themselves)."""
    right = wrong = 0
    for group in groups:
        counts = Counter(owner[index] for index in group)
        right += sum(count * (count - 1) // 2 for count in counts.values())
        wrong += sum(counts[one] * counts[other] for one, other in combinations(counts, 2) if frozenset((one, other)) not in alike)
    return right, wrong


def growth() -> None:
    """Print the time for lakes of growing size."""
    print("\ntime for signatures of unrelated pictures, with one copy each in ten")
    rng = np.random.default_rng(1)
    for size in SIZES:
        marks = [rng.integers(0, 256, similarity.SIGNATURE_BYTES, np.uint8).tobytes() for _ in range(size)]
        marks[: size // 10] = marks[size // 10 : 2 * (size // 10)]
        begun = time.process_time()
        similarity.near_duplicates(marks)
        print(f"  {size:>7,} {time.process_time() - begun:7.2f} CPU s")


if __name__ == "__main__":
    main()
