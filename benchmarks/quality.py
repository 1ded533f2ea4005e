"""Recall of planted faults, false alarms on the files they were planted into, and files per CPU-second of all checks.

    python benchmarks/quality.py [FOLDER] [--files 60]

Clean files are generated, and taken from FOLDER as they are. Each fault is planted into every clean file of its modality that
does not fail the check already. Real files count as they come: small pictures and short texts, of which some checks say
nothing, lower the recall on them. False alarms are the shares of FOLDER's files (of generated ones without it) that fail a check.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageFilter

from unified_assets import files
from unified_assets.core import plugins
from unified_assets.core.errors import UnreadableFile
from unified_assets.quality.measure import measure_decoded

Plant = Callable[[bytes, np.random.Generator], bytes]
WORDS = ["plum", "harvest", "river", "stone", "letter", "window", "garden", "winter", "morning", "village", "captain", "market", "silver", "bridge"]
NAMES = {"image": "", "audio": "", "text": "a.txt", "table": "a.csv"}
TARGETS = {"image": 400, "audio": 300, "text": 3_000}


def main() -> None:
    """Print one line for each fault, then the false alarms and the speeds."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--files", type=int, default=60)
    args = ask.parse_args()
    clean = {
        "image": [picture(seed) for seed in range(args.files)],
        "audio": [sound(seed) for seed in range(args.files)],
        "text": [prose(seed).encode() for seed in range(args.files)],
        "table": [table(seed) for seed in range(args.files)],
    }
    real = real_files(args.folder, args.files) if args.folder else {}
    recall(clean, real)
    alarms({kind: real.get(kind, clean[kind]) for kind in clean})
    speeds()


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


def wav(samples: np.ndarray, rate_hz: int) -> bytes:
    """16-bit WAV."""
    target = io.BytesIO()
    soundfile.write(target, np.clip(samples, -1, 1), rate_hz, format="WAV", subtype="PCM_16")
    return target.getvalue()


def prose(seed: int, characters: int = 6_700) -> str:
    """Sentences of random words, no two lines alike."""
    rng = np.random.default_rng(seed)
    lines = []
    while sum(map(len, lines)) < characters:
        lines.append("The " + " ".join(rng.choice(WORDS, 9)) + f" of {int(rng.integers(10_000))} was there, and it is with you.\n")
    return "".join(lines)


def table(seed: int) -> bytes:
    """A csv of numbers and words."""
    rng = np.random.default_rng(seed)
    rows = "".join(f"{index},{rng.choice(WORDS)},{rng.normal():.3f},{rng.integers(100)}\n" for index in range(60))
    return ("number,word,value,count\n" + rows).encode()


def real_files(folder: Path, count: int) -> dict[str, list[bytes]]:
    """Files of each kind, evenly chosen."""
    kinds = {"image": (".jpg", ".png"), "audio": (".wav",), "text": (".txt", ".md"), "table": (".csv", ".tsv")}
    found = {}
    for kind, suffixes in kinds.items():
        paths = sorted(path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())
        found[kind] = [paths[index].read_bytes() for index in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)] if paths else []
    return found


# ------------------------------------------------------------------------------------------------ faults


def on_image(change: Callable[[Image.Image], Image.Image], form: str = "PNG", **options: int) -> Plant:
    """A fault of the picture."""

    def plant(data: bytes, _: np.random.Generator) -> bytes:
        target = io.BytesIO()
        change(Image.open(io.BytesIO(data)).convert("RGB")).save(target, form, **options)
        return target.getvalue()

    return plant


def on_sound(change: Callable[[np.ndarray, np.random.Generator], np.ndarray], factor: float = 1.0) -> Plant:
    """A fault of the samples; the rate stored is `factor` times the true one."""

    def plant(data: bytes, rng: np.random.Generator) -> bytes:
        samples, rate_hz = soundfile.read(io.BytesIO(data), always_2d=True)
        return wav(change(samples.mean(axis=1), rng), int(rate_hz * factor))

    return plant


def on_text(change: Callable[[str, np.random.Generator], str], encoding: str = "utf-8") -> Plant:
    """A fault of the text."""
    return lambda data, rng: change(data.decode("utf-8", "replace"), rng).encode(encoding, "replace")


def upsampled(samples: np.ndarray) -> np.ndarray:
    """Twice as many samples, nothing above the old limit."""
    spectrum = np.fft.rfft(samples)
    return np.fft.irfft(np.pad(spectrum, (0, len(samples) // 2)), 2 * len(samples)) * 2


def grey_below(image: Image.Image) -> Image.Image:
    """The lower third lost."""
    image.paste((128, 128, 128), (0, image.height * 2 // 3, image.width, image.height))
    return image


def white_on_nothing(image: Image.Image) -> Image.Image:
    """Its lighter half in white, the rest transparent."""
    mask = image.convert("L")
    level = int(np.median(np.asarray(mask)))
    layered = Image.new("RGBA", image.size, (255, 255, 255, 0))
    layered.putalpha(mask.point(lambda value: 255 if value > level else 0))
    return layered


def with_controls(text: str, _: np.random.Generator) -> str:
    """A control character after each 99."""
    return "\x01".join(text[index : index + 99] for index in range(0, len(text), 99))


def rows_changed(change: Callable[[list[str], np.random.Generator], list[str]]) -> Plant:
    """A fault of the lines of a table after its heading."""

    def edit(text: str, rng: np.random.Generator) -> str:
        head, *rows = text.splitlines()
        return "\n".join([head, *change(rows, rng)]) + "\n"

    return on_text(edit)


def emptied(row: str) -> str:
    """A row with its first cell alone."""
    cells = row.split(",")
    return ",".join([cells[0]] + [""] * (len(cells) - 1))


FAULTS: tuple[tuple[str, str, str, Plant], ...] = (
    ("image", "blank", "one tone", on_image(lambda image: Image.new("RGB", image.size, (90, 120, 90)), "JPEG")),
    ("image", "tiny", "5 px", on_image(lambda image: image.resize((5, 5)))),
    ("image", "too_small", "24 px", on_image(lambda image: image.resize((24, 24)))),
    ("image", "odd_aspect", "12 to 1", on_image(lambda image: image.resize((480, 40)))),
    ("image", "dark", "a sixteenth of the light", on_image(lambda image: image.point(lambda value: value // 16))),
    ("image", "bright", "burnt out", on_image(lambda image: image.point(lambda value: 200 + value * 55 // 255))),
    ("image", "low_contrast", "fog", on_image(lambda image: image.point(lambda value: 110 + value // 8))),
    ("image", "blurry", "blur of 2 % of the side", on_image(lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) / 50)))),
    ("image", "blurry", "blur of 5 %, JPEG 60", on_image(lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) / 20)), "JPEG", quality=60)),
    ("image", "truncated", "lower third grey", on_image(grey_below)),
    ("image", "(unreadable)", "half of the file", lambda data, _: data[: len(data) // 2]),
    ("image", "lost_on_white", "white on nothing", on_image(white_on_nothing)),
    ("image", "dithered", "two tones", on_image(lambda image: image.convert("1"))),
    ("audio", "silent", "zeros", on_sound(lambda samples, _: samples * 0)),
    ("audio", "quiet", "-60 dB", on_sound(lambda samples, _: samples / max(np.abs(samples).max(), 1e-6) * 0.001)),
    ("audio", "clipped", "ten times too loud", on_sound(lambda samples, _: samples / max(np.abs(samples).max(), 1e-6) * 10)),
    ("audio", "dc_offset", "a tenth", on_sound(lambda samples, _: samples * 0.5 + 0.1)),
    ("audio", "too_short", "60 ms", on_sound(lambda samples, _: samples[: len(samples) // 2][:480] if len(samples) > 960 else samples[:480])),
    ("audio", "upsampled", "twice the rate", on_sound(lambda samples, _: upsampled(samples), 2.0)),
    ("audio", "mostly_noise", "hiss over it", on_sound(lambda samples, rng: samples * 0.01 + rng.normal(0, 0.05, len(samples)))),
    ("audio", "cut_off", "half of the file", lambda data, _: data[: len(data) // 2]),
    ("text", "empty", "blanks", on_text(lambda text, _: " \n" * len(text[:500]))),
    ("text", "short_text", "a word", on_text(lambda _, __: "ok\n")),
    ("text", "mojibake", "UTF-8 read as cp1252", on_text(lambda text, _: text.replace("e ", "é ").encode().decode("cp1252", "replace"))),
    (
        "text",
        "(unreadable)",
        "control characters, 1 in 100",
        on_text(with_controls),
    ),
    ("text", "repetitive", "one line 300 times", on_text(lambda text, _: (text[:40].replace("\n", " ") + "\n") * 300)),
    ("text", "duplicated_lines", "everything twice", on_text(lambda text, _: text + "\n" + text)),
    ("text", "unsure_encoding", "Latin-1", on_text(lambda text, _: text.replace("e ", "é "), "latin-1")),
    ("text", "boilerplate", "page frame", on_text(lambda text, _: "Skip to content\nSign in\nSubscribe\nPrivacy policy\nContact us\n" * 12 + text[:300])),
    ("text", "mixed_scripts", "look-alike letters", on_text(lambda text, _: text.replace("a", "а", 400))),
    (
        "text",
        "language_mix",
        "French between",
        on_text(lambda text, _: text[:3000] + " Les enfants du village sont dans la cour avec une corbeille" * (len(text[:3000]) // 120)),
    ),
    ("table", "ragged_rows", "1 row in 12", rows_changed(lambda rows, _: [row + ",x" if index % 12 == 0 else row for index, row in enumerate(rows)])),
    ("table", "missing_values", "half of the rows", rows_changed(lambda rows, _: [emptied(row) if index % 2 else row for index, row in enumerate(rows)])),
    ("table", "duplicate_records", "a third twice", rows_changed(lambda rows, _: rows + rows[: max(1, len(rows) // 3)])),
    ("table", "constant_columns", "half of them", rows_changed(lambda rows, _: [",".join([*row.split(",")[:2], "7", "x"]) for row in rows])),
)


def failing(data: bytes, name: str = "") -> set[str]:
    """The names of the checks a file fails, or what its reading failed by."""
    try:
        modality, media_type, decoded = files.decode_bytes(data, name)
    except UnreadableFile:
        return {"(unreadable)"}
    checks = plugins.discover("checks")
    return {name for name, value, _ in measure_decoded(decoded, modality, media_type).values if checks[name].fails(value, float(checks[name].threshold))}


def recall(clean: dict[str, list[bytes]], real: dict[str, list[bytes]]) -> None:
    """Print how many planted faults were found."""
    print(f"{'check':<20}{'planted':<28}{'generated':>12}{'real':>8}")
    for kind, name, what, plant in FAULTS:
        shares = []
        for source in (clean[kind], [] if kind == "table" else real.get(kind, [])):
            rng = np.random.default_rng(3)
            found = [name in failing(plant(data, rng), NAMES[kind]) for data in source if name not in failing(data, NAMES[kind])]
            shares.append(f"{sum(found) / len(found):.3f}" if found else "-")
        print(f"{name:<20}{what:<28}{shares[0]:>12}{shares[1]:>8}")


def alarms(source: dict[str, list[bytes]]) -> None:
    """Print the share of unchanged files that fail each check."""
    print("\nchecks that unchanged files fail (without the rule for folders made so)")
    for kind, listed in source.items():
        found = [name for data in listed for name in failing(data, NAMES[kind])]
        for name in sorted(set(found)):
            print(f"  {kind:<8}{name:<22}{found.count(name) / len(listed):.1%} of {len(listed)}")


def speeds() -> None:
    """Print files per CPU-second: detect, decode, all checks and the signature of near duplicates."""
    print("\nfiles per CPU-second, from bytes to all checks")
    rng = np.random.default_rng(1)
    noisy = Image.fromarray(rng.integers(0, 256, (96, 128, 3)).astype(np.uint8)).resize((1024, 768), Image.Resampling.BICUBIC)
    target = io.BytesIO()
    noisy.save(target, "JPEG", quality=82)
    for kind, data in (("image", target.getvalue()), ("audio", sound(1)), ("text", prose(1).encode())):
        failing(data, NAMES[kind])
        begun, count = time.process_time(), 0
        while time.process_time() - begun < 2:
            failing(data, NAMES[kind])
            count += 1
        print(f"  {kind:<8}{len(data) / 1000:7.1f} kB  {count / (time.process_time() - begun):8.0f}   target {TARGETS[kind]}")


if __name__ == "__main__":
    main()
