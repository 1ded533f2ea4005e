"""What a decoded file looks like in memory, one value type per modality."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True, kw_only=True)
class DecodedImage:
    """pixels: (height, width, 3) uint8 RGB, upright (EXIF applied), alpha laid over white, at most a stated number of pixels."""

    pixels: np.ndarray
    original_width: int
    original_height: int
    detail: np.ndarray | None = None  # its middle as it was, where `pixels` are an average of it; None also where that was not decoded
    hidden_levels: int = 0  # by which it spans more over black than over the white that was laid under it

    @cached_property
    def luminance(self) -> np.ndarray:
        """(height, width) uint8, ITU-R BT.601 weights in integers of 1/256; computed once."""
        red, green, blue = np.moveaxis(self.pixels, -1, 0)
        weighted = red * np.uint16(77) + green * np.uint16(150) + blue * np.uint16(29)
        return np.asarray(weighted >> np.uint16(8), dtype=np.uint8)

    @cached_property
    def tones(self) -> np.ndarray:
        """(256,) how many pixels have each level of luminance; computed once."""
        return np.bincount(self.luminance.ravel(), minlength=256)

    def level_at(self, share: float) -> int:
        """The lowest level of luminance that at least this share of the pixels does not exceed; 0 without pixels."""
        sums = np.cumsum(self.tones)
        return int(np.searchsorted(sums, share * sums[-1]))


@dataclass(frozen=True, kw_only=True)
class DecodedAudio:
    """samples: (frames, channels) float32 in [-1, 1]."""

    samples: np.ndarray
    sample_rate_hz: int
    cut: bool = False  # longer than the stated limit, the rest was left out
    missing_share: float = 0.0  # of the samples that the header promises

    @property
    def mono(self) -> np.ndarray:
        """(frames,) float32, the mean of the channels."""
        return self.samples.mean(axis=1) if self.samples.shape[1] > 1 else self.samples[:, 0]

    @cached_property
    def spectrum_db(self) -> np.ndarray:
        """(257,) mean power from 0 to half the sample rate, decibels of an arbitrary reference, -200 for none; computed once."""
        mono = self.mono
        padded = np.pad(mono, (0, max(0, 512 - len(mono))))
        starts = np.linspace(0, len(padded) - 512, min(256, max(1, len(padded) // 256))).astype(np.intp)
        frames = padded[starts[:, None] + np.arange(512)[None, :]]
        power = np.square(np.abs(np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * np.blackman(512).astype(np.float32), axis=1)))
        return np.asarray(10 * np.log10(np.maximum(power.mean(axis=0, dtype=np.float64), 1e-20)))


@dataclass(frozen=True, kw_only=True)
class DecodedText:
    """The whole text, decoded; `confident` is False where the encoding was a guess."""

    text: str
    encoding: str
    confident: bool = True
    cut: bool = False
    media_type: str = ""  # where it is known

    @cached_property
    def words(self) -> list[str]:
        """The words, in small letters and as blanks part them, of the first 1,048,576 characters; computed once."""
        return self.text[: 1 << 20].lower().split()

    @cached_property
    def word_counts(self) -> Counter[str]:
        """How often each of the words stands there; computed once."""
        return Counter(self.words)


@dataclass(frozen=True, kw_only=True)
class Page:
    """image: (height, width, 3) uint8, longest side 512, rendered (pdf) or drawn from the layout boxes (Office); text: its text layer."""

    image: np.ndarray | None
    text: str


@dataclass(frozen=True, kw_only=True)
class DecodedDocument:
    """At most a stated number of pages; pictures: embedded raster images (height, width, 3) uint8, each at least 32 px."""

    pages: tuple[Page, ...]
    pictures: tuple[np.ndarray, ...] = ()
    title: str = ""
    total_pages: int = 0
    drawn: bool = False  # pages are drawn from the layout, not rendered: what the drawing does not understand is missing

    @property
    def text(self) -> str:
        """The text of all decoded pages."""
        return "\n".join(page.text for page in self.pages if page.text).strip()


@dataclass(frozen=True, kw_only=True)
class DecodedVideo:
    """frames: (n, height, width, 3) uint8, evenly spread over the clip, longest side at most 320; sound may be absent."""

    frames: np.ndarray
    times_s: np.ndarray = field(repr=False)
    fps: float
    duration_s: float
    sound: DecodedAudio | None = None


Decoded = DecodedImage | DecodedAudio | DecodedText | DecodedDocument | DecodedVideo
