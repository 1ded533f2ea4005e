"""Faults that are planted into clean files: name of the check, what is done at which strength, into which files, and how.

A fault is planted at a strength that matters to learning, into files in which it can show: dots take mid-tones, a wrong
encoding takes letters, a second language takes a first one. `fits` says which those are.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile
from PIL import Image, ImageFilter

from unified_assets import files

Plant = Callable[[bytes, np.random.Generator], bytes]
FRENCH = (
    "Le marché ouvre chaque matin près du vieux pont, où les marchands installent fruits, fromages et poissons avant l'aube. "
    "Une brume légère monte parfois de la rivière, puis le soleil chauffe lentement les pavés, et les cafés sortent leurs tables. "
)
LOOK_ALIKES = str.maketrans("aeopcxy", "аеорсху")
ACCENTS = str.maketrans("aeiounc", "áéíóúñç")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of fault. `fits` tells the files in which it can show; `into` says the same in words."""

    kind: str
    check: str
    what: str
    plant: Plant
    fits: Callable[[bytes], bool] = lambda _: True
    into: str = "all"


def wav(samples: np.ndarray, rate_hz: int) -> bytes:
    """16-bit WAV."""
    target = io.BytesIO()
    soundfile.write(target, np.clip(samples, -1, 1), rate_hz, format="WAV", subtype="PCM_16")
    return target.getvalue()


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
        _, _, sound = files.decode_bytes(data)
        return wav(change(sound.mono.astype(np.float64), rng), int(sound.sample_rate_hz * factor))

    return plant


def on_text(change: Callable[[str, np.random.Generator], str], encoding: str = "utf-8") -> Plant:
    """A fault of the text."""
    return lambda data, rng: change(data.decode("utf-8", "replace"), rng).encode(encoding, "replace")


# ------------------------------------------------------------------------------------------------ where a fault can show


def sides(data: bytes) -> tuple[int, int]:
    """Width and height of a picture."""
    return Image.open(io.BytesIO(data)).size


def has_midtones(data: bytes) -> bool:
    """A quarter of the pixels is neither nearly black nor nearly white, and there are 32 x 32 of them: dithering puts dots there."""
    levels = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    return min(levels.shape) >= 32 and bool(((levels > 40) & (levels < 215)).mean() >= 0.25)


def letters(least: int) -> Callable[[bytes], bool]:
    """So many small Latin letters."""
    return lambda data: len(re.findall(rb"[a-z]", data)) >= least


def is_english(data: bytes) -> bool:
    """At least 100 words, one in ten of which is one of the commonest of English."""
    words = data.decode("utf-8", "replace").lower().split()
    return len(words) >= 100 and sum(word in {"the", "of", "and", "to", "is", "that", "was", "for", "with", "a", "in"} for word in words) >= 0.1 * len(words)


def is_comma_table(data: bytes) -> bool:
    """20 to 1,500 rows of three or more cells with commas between and no quotes; of a longer table the first 2,000 rows are looked at."""
    lines = data.decode("utf-8", "replace").splitlines()
    return 20 < len(lines) < 1500 and min(line.count(",") for line in lines[:20]) >= 2 and b"\t" not in data and b'"' not in data


# ------------------------------------------------------------------------------------------------ faults


def blurred(share: float) -> Callable[[Image.Image], Image.Image]:
    """A Gaussian blur of this share of the shorter side, at least of 2 px: below it a digit of 28 px looks as it did."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(max(2.0, min(image.size) * share)))


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
    level = min(254, int(np.median(np.asarray(mask))))
    layered = Image.new("RGBA", image.size, (255, 255, 255, 0))
    layered.putalpha(mask.point(lambda value: 255 if value > level else 0))
    return layered


def with_controls(text: str, _: np.random.Generator) -> str:
    """A control character after each 99."""
    return "\x01".join(text[index : index + 99] for index in range(0, len(text), 99))


def accented(text: str) -> str:
    """One small letter in 40 carries an accent, about as in French."""
    found = -1

    def next_letter(match: re.Match[str]) -> str:
        nonlocal found
        found += 1
        return match[0].translate(ACCENTS) if found % 20 == 0 else match[0]

    return re.sub("[aeiounc]", next_letter, text)


def with_look_alikes(text: str, _: np.random.Generator) -> str:
    """One word in ten has Cyrillic letters that look like its own."""
    parts = re.split(r"(\s+)", text)
    words = [index for index, part in enumerate(parts) if re.search("[aeopcxy][A-Za-z]*[b-df-z]|[b-df-z][A-Za-z]*[aeopcxy]", part)]
    for index in words[::10]:
        parts[index] = parts[index].translate(LOOK_ALIKES)
    return "".join(parts)


def half_french(text: str, _: np.random.Generator) -> str:
    """As many words of French as of the text, of which the first 3,000 characters are kept."""
    head = text[:3000]
    return head + "\n" + FRENCH * max(1, round(len(head.split()) / len(FRENCH.split())))


def rows_changed(change: Callable[[list[str], np.random.Generator], list[str]]) -> Plant:
    """A fault of the lines of a table after its heading."""

    def edit(text: str, rng: np.random.Generator) -> str:
        first, *rows = text.splitlines()
        return "\n".join([first, *change(rows, rng)]) + "\n"

    return on_text(edit)


def emptied(row: str) -> str:
    """A row with its first cell alone."""
    cells = row.split(",")
    return ",".join([cells[0]] + [""] * (len(cells) - 1))


def level(samples: np.ndarray, peak: float) -> np.ndarray:
    """Scaled to a peak of full scale."""
    return samples / max(np.abs(samples).max(), 1e-6) * peak


def image_faults() -> list[Fault]:
    """Faults of pictures."""

    def fault(check: str, what: str, plant: Plant, fits: Callable[[bytes], bool] = lambda _: True, into: str = "all") -> Fault:
        return Fault(kind="image", check=check, what=what, plant=plant, fits=fits, into=into)

    from_20_px = {"fits": lambda data: min(sides(data)) >= 20, "into": "shorter side from 20 px"}
    return [
        fault("blank", "one tone", on_image(lambda image: Image.new("RGB", image.size, (90, 120, 90)), "JPEG")),
        fault("tiny", "5 px", on_image(lambda image: image.resize((5, 5)))),
        fault("too_small", "24 px", on_image(lambda image: image.resize((24, 24)))),
        fault("odd_aspect", "12 to 1", on_image(lambda image: image.resize((480, 40)))),
        fault("dark", "a sixteenth of the light", on_image(lambda image: image.point(lambda value: value // 16))),
        fault("bright", "burnt out", on_image(lambda image: image.point(lambda value: 200 + value * 55 // 255))),
        fault("low_contrast", "fog", on_image(lambda image: image.point(lambda value: 110 + value // 8))),
        fault("blurry", "blur of 2 %, at least 2 px", on_image(blurred(0.02)), **from_20_px),
        fault("blurry", "blur of 5 %, JPEG 60", on_image(blurred(0.05), "JPEG", quality=60), **from_20_px),
        fault("truncated", "lower third grey", on_image(grey_below)),
        fault("(unreadable)", "half of the file", lambda data, _: data[: len(data) // 2]),
        fault("lost_on_white", "white on nothing", on_image(white_on_nothing)),
        fault("dithered", "two tones", on_image(lambda image: image.convert("1")), has_midtones, "a quarter mid-tones, from 32 px"),
    ]


def sound_faults() -> list[Fault]:
    """Faults of sounds."""

    def fault(check: str, what: str, plant: Plant, fits: Callable[[bytes], bool] = lambda _: True, into: str = "all") -> Fault:
        return Fault(kind="audio", check=check, what=what, plant=plant, fits=fits, into=into)

    return [
        fault("silent", "zeros", on_sound(lambda samples, _: samples * 0)),
        fault("quiet", "-60 dB", on_sound(lambda samples, _: level(samples, 0.001))),
        fault("clipped", "ten times too loud", on_sound(lambda samples, _: level(samples, 10))),
        fault("dc_offset", "a tenth", on_sound(lambda samples, _: samples * 0.5 + 0.1)),
        fault("too_short", "60 ms", on_sound(lambda samples, _: samples[: len(samples) // 2][:480])),
        fault("upsampled", "twice the rate", on_sound(lambda samples, _: upsampled(samples), 2.0)),
        fault("mostly_noise", "20 dB of hiss over it", on_sound(lambda samples, rng: level(samples, 0.01) + rng.normal(0, 0.05, len(samples)))),
        fault("cut_off", "half of the file", lambda data, _: data[: len(data) // 2], lambda data: data[:4] == b"RIFF", "WAV; others cannot be read then"),
    ]


def text_faults() -> list[Fault]:
    """Faults of texts."""

    def fault(check: str, what: str, plant: Plant, fits: Callable[[bytes], bool] = lambda _: True, into: str = "all") -> Fault:
        return Fault(kind="text", check=check, what=what, plant=plant, fits=fits, into=into)

    frame = "Skip to content\nSign in\nSubscribe\nPrivacy policy\nContact us\n" * 12
    return [
        fault("empty", "blanks", on_text(lambda text, _: " \n" * len(text[:500]))),
        fault("short_text", "a word", on_text(lambda _, __: "ok\n")),
        fault(
            "mojibake",
            "1 letter in 40 accented, read as cp1252",
            on_text(lambda text, _: accented(text).encode().decode("cp1252", "replace")),
            letters(80),
            "80 letters",
        ),
        fault("(unreadable)", "control characters, 1 in 100", on_text(with_controls)),
        fault("repetitive", "one line 300 times", on_text(lambda text, _: (text[:40].replace("\n", " ") + "\n") * 300)),
        fault("duplicated_lines", "everything twice", on_text(lambda text, _: text + "\n" + text), lambda data: len(data.strip()) >= 60, "60 characters"),
        fault("unsure_encoding", "Latin-1, 1 letter in 40 accented", on_text(lambda text, _: accented(text), "latin-1"), letters(300), "300 letters"),
        fault("boilerplate", "page frame", on_text(lambda text, _: frame + text[:300])),
        fault("mixed_scripts", "look-alikes in 1 word of 10", on_text(with_look_alikes), letters(80), "80 letters"),
        fault("language_mix", "half of it French", on_text(half_french), is_english, "100 English words"),
    ]


def table_faults() -> list[Fault]:
    """Faults of tables."""

    def fault(check: str, what: str, plant: Plant) -> Fault:
        return Fault(kind="table", check=check, what=what, plant=plant, fits=is_comma_table, into="20 to 1,500 rows, 3 columns, commas")

    return [
        fault("ragged_rows", "1 row in 12", rows_changed(lambda rows, _: [row + ",x" if index % 12 == 0 else row for index, row in enumerate(rows)])),
        fault("missing_values", "half of the rows", rows_changed(lambda rows, _: [emptied(row) if index % 2 else row for index, row in enumerate(rows)])),
        fault("duplicate_records", "a third twice", rows_changed(lambda rows, _: rows + rows[: max(1, len(rows) // 3)])),
        fault("constant_columns", "half of them", rows_changed(lambda rows, _: [",".join([*row.split(",")[:2], "7", "x"]) for row in rows])),
    ]


def all_faults() -> list[Fault]:
    """Every fault, by kind."""
    return [*image_faults(), *sound_faults(), *text_faults(), *table_faults()]
