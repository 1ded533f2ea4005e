"""Originals, generated or of a folder, and the copies of them that near_duplicates.py makes: pictures, texts and sounds."""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

Picture = Image.Image
Sound = tuple[np.ndarray, int]  # (frames,) float32, sample rate
HALVES = ("choose", "report")
WORDS = [
    first + second + third for first in ("ka", "lo", "mi", "ne", "pu", "sa") for second in ("r", "st", "nd", "l") for third in ("a", "en", "is", "o", "um")
]


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


def pictures_of(folder: Path, limit: int, half: str) -> dict[str, list[Picture]]:
    """Evenly chosen pictures of a folder, those of less than 64 px apart."""
    found: dict[str, list[Picture]] = {"small pictures": [], "pictures": []}
    suffixes = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    order = np.random.default_rng(5).permutation(len(paths))
    for index in order:
        if all(len(listed) >= limit for listed in found.values()):
            break
        data = paths[index].read_bytes()
        if HALVES[hashlib.sha256(data).digest()[0] % 2] != half:
            continue
        try:
            with Image.open(io.BytesIO(data)) as opened:
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


# ---------------------------------------------------------------------------------------------- texts


def article(seed: int, sentences: int = 40) -> list[str]:
    """Sentences of random words."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, int(rng.integers(6, 16)))).capitalize() + "." for _ in range(sentences)]


def texts_of(folder: Path, limit: int, half: str) -> list[list[str]]:
    """Lines of a folder's prose and markup of at least 600 characters and 8 lines."""
    found = []
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".txt", ".md", ".xml", ".html", ".json"} and path.is_file())
    for index in np.random.default_rng(5).permutation(len(paths)):
        data = paths[index].read_bytes()
        lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
        if HALVES[hashlib.sha256(data).digest()[0] % 2] == half and 600 <= len(data) < 200_000 and len(lines) >= 8 and len(found) < limit:
            found.append(lines)
    return found


def revised(lines: list[str], share: float, rng: np.random.Generator) -> str:
    """A share of the words replaced by others, in one passage."""
    words = re.split(r"(\s+)", "\n".join(lines))
    count = max(1, round(share * len(words)))
    start = int(rng.integers(0, len(words) - count + 1))
    words[start : start + count] = [str(rng.choice(WORDS)) if word.strip() else word for word in words[start : start + count]]
    return "".join(words)


TEXT_COPIES: dict[str, Callable[[list[str], np.random.Generator], str]] = {
    "other line breaks and blanks": lambda lines, _: "\r\n\r\n  ".join(lines),
    "all in capitals": lambda lines, _: "\n".join(lines).upper(),
    "a passage of 5 % rewritten": lambda lines, rng: revised(lines, 0.05, rng),
    "a passage of 10 % rewritten": lambda lines, rng: revised(lines, 0.1, rng),
    "a heading and a footer added": lambda lines, rng: "\n".join([" ".join(rng.choice(WORDS, 6)), *lines, " ".join(rng.choice(WORDS, 6))]),
    "the last tenth cut off": lambda lines, _: "\n".join(lines)[: round(0.9 * len("\n".join(lines)))],
    "its halves exchanged": lambda lines, _: "\n".join([*lines[len(lines) // 2 :], *lines[: len(lines) // 2]]),
}


# ---------------------------------------------------------------------------------------------- sounds


def melody(seed: int, rate_hz: int = 16_000, seconds: float = 1.5) -> Sound:
    """Syllables of random pitch over a faint floor."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    wave = rng.normal(0, 0.002, len(time_s))
    start = 0.05
    while start < seconds - 0.2:
        shape = np.exp(-np.square((time_s - start - 0.06) / 0.04))
        wave += shape * (0.3 * np.sin(2 * np.pi * rng.uniform(120, 2_000) * time_s) + rng.normal(0, 0.05, len(time_s)))
        start += rng.uniform(0.1, 0.3)
    return wave.astype(np.float32), rate_hz


def sounds_of(folder: Path, limit: int, half: str) -> list[Sound]:
    """Evenly chosen sounds of a folder, their first 20 seconds."""
    found: list[Sound] = []
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".wav", ".flac"} and path.is_file())
    for index in np.random.default_rng(5).permutation(len(paths)):
        data = paths[index].read_bytes()
        if HALVES[hashlib.sha256(data).digest()[0] % 2] == half and len(found) < limit:
            with soundfile.SoundFile(io.BytesIO(data)) as opened:
                samples = opened.read(20 * opened.samplerate, dtype="float32", always_2d=True)
                found.append((samples.mean(axis=1), opened.samplerate))
    return found


def through(sound: Sound, form: str, subtype: str) -> Sound:
    """Written and read again."""
    target = io.BytesIO()
    soundfile.write(target, sound[0], sound[1], format=form, subtype=subtype)
    samples, rate_hz = soundfile.read(io.BytesIO(target.getvalue()), dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate_hz


def hissing(sound: Sound, rng: np.random.Generator) -> Sound:
    """With noise 30 dB under its mean power."""
    level = float(np.sqrt(np.square(sound[0]).mean())) * 10 ** (-30 / 20)
    return (sound[0] + rng.normal(0, level, len(sound[0]))).astype(np.float32), sound[1]


SOUND_COPIES: dict[str, Callable[[Sound, np.random.Generator], Sound]] = {
    "6 dB quieter": lambda sound, _: (sound[0] / 2, sound[1]),
    "mp3": lambda sound, _: through(sound, "MP3", "MPEG_LAYER_III"),
    "ogg": lambda sound, _: through(sound, "OGG", "VORBIS"),
    "8 bits": lambda sound, _: through(sound, "WAV", "PCM_U8"),
    "at 8 kHz": lambda sound, _: (soxr.resample(sound[0], sound[1], 8_000), 8_000),
    "at 44.1 kHz": lambda sound, _: (soxr.resample(sound[0], sound[1], 44_100), 44_100),
    "cut by 2 % at each end": lambda sound, _: (sound[0][len(sound[0]) // 50 : len(sound[0]) * 49 // 50], sound[1]),
    "noise 30 dB under it": hissing,
}
