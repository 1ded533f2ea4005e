"""A digit and a generator → the two tones a telephone keypad sends for it (ITU-T Q.23), with noise, level and detune."""

import io

import numpy as np
import soundfile

RATE_HZ = 8000
LOW_HZ = (697, 770, 852, 941)  # rows of the keypad
HIGH_HZ = (1209, 1336, 1477)  # columns of the keypad
SUBTYPES = {"wav": ("WAV", "PCM_16", "audio/wav"), "flac": ("FLAC", "PCM_16", "audio/flac")}


def keypad(value: int) -> tuple[int, int]:
    """The low and the high frequency of a digit, in Hz."""
    if value == 0:
        return LOW_HZ[3], HIGH_HZ[1]
    return LOW_HZ[(value - 1) // 3], HIGH_HZ[(value - 1) % 3]


def dial(rng: np.random.Generator, value: int) -> np.ndarray:
    """(frames,) float64 at 8 kHz, 0.3 to 0.6 s: the digit's tones somewhere inside, over noise and mains hum."""
    frames = int(rng.uniform(0.3, 0.6) * RATE_HZ)
    time = np.arange(frames) / RATE_HZ
    length = rng.uniform(0.5, 0.85) * frames
    start = rng.uniform(0, frames - length)
    gate = np.clip((np.arange(frames) - start) / 80, 0, 1) * np.clip((start + length - np.arange(frames)) / 80, 0, 1)
    wave = np.zeros(frames)
    for frequency in keypad(value):
        detuned = frequency * (1 + rng.uniform(-0.012, 0.012))  # Q.23 allows 1.8 %
        wave += rng.uniform(0.7, 1.0) * np.sin(2 * np.pi * (detuned * time + rng.random()))
    noise = rng.normal(0, 10 ** (-rng.uniform(9, 24) / 20), frames)
    hum = rng.uniform(0, 0.2) * np.sin(2 * np.pi * (50 * time + rng.random()))
    mixed = wave * gate + noise + hum
    return np.asarray(mixed / np.abs(mixed).max() * rng.uniform(0.12, 0.8))


def encode(samples: np.ndarray, extension: str, rate_hz: int = RATE_HZ) -> bytes:
    """The samples as a 16-bit file."""
    container, subtype, _ = SUBTYPES[extension]
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, format=container, subtype=subtype)
    return out.getvalue()
