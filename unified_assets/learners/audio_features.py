"""Mono sound at 8 kHz in; a time-normalised log-mel picture and MFCC statistics out. Numpy only."""

from functools import cache

import numpy as np

from unified_assets.learners.media_views import RATE_HZ

MELS, FRAMES = 32, 64
MFCC = 13
PARTS = 5  # time parts whose means are kept
WINDOW, HOP, FFT = 200, 80, 256  # 25 ms, 10 ms
TRIM_DB = 35.0  # frames this far below the loudest one are cut from both ends
STATISTICS = MFCC * (PARTS + 3) + 1


def log_mel(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """(MELS, frames) float32 natural-log mel power of the trimmed sound, and its seconds."""
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    windows = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[::HOP]
    energy = 10 * np.log10((windows**2).mean(axis=1) + 1e-10)
    loud = np.flatnonzero(energy > energy.max() - TRIM_DB)
    windows = windows[loud[0] : loud[-1] + 1]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), FFT)) ** 2
    return np.log(power @ mel_bank().T + 1e-8).T.astype(np.float32), len(windows) * HOP / RATE_HZ


def resize_time(mel: np.ndarray, frames: int) -> np.ndarray:
    """(MELS, frames): linear interpolation, after averaging where many frames fall into one."""
    length = mel.shape[1]
    if length > 2 * frames:  # average first, or short events between the sampled instants would vanish
        edges = np.linspace(0, length, 2 * frames + 1).astype(int)
        mel = np.add.reduceat(mel, edges[:-1], axis=1) / np.maximum(np.diff(edges), 1)
        length = 2 * frames
    position = np.linspace(0, length - 1, frames)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, length - 1)
    share = (position - left).astype(np.float32)
    out: np.ndarray = (mel[:, left] * (1 - share) + mel[:, right] * share).astype(np.float32)
    return out


def mfcc_statistics(mel: np.ndarray, seconds: float) -> np.ndarray:
    """(STATISTICS,) float32: means of 13 MFCC in 5 time parts, their deviation, that of their differences, mean, log seconds."""
    coefficients = cosine_basis() @ mel
    mean = coefficients.mean(axis=1)
    parts = [part.mean(axis=1) if part.shape[1] else mean for part in np.array_split(coefficients, PARTS, axis=1)]
    steps = np.diff(coefficients, axis=1) if coefficients.shape[1] > 1 else np.zeros((MFCC, 1))
    values = [*parts, coefficients.std(axis=1), steps.std(axis=1), mean, [np.log(max(seconds, 1e-3))]]
    return np.concatenate(values).astype(np.float32)


@cache
def mel_bank() -> np.ndarray:
    """(MELS, FFT // 2 + 1) triangles between 60 and 3900 Hz, equally spaced in mel (O'Shaughnessy 1987)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (60.0, 3900.0))
    centres = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(FFT, 1 / RATE_HZ)
    up = (bins - centres[:-2, None]) / (centres[1:-1] - centres[:-2])[:, None]
    down = (centres[2:, None] - bins) / (centres[2:] - centres[1:-1])[:, None]
    return np.asarray(np.maximum(0, np.minimum(up, down)), np.float32)


@cache
def cosine_basis() -> np.ndarray:
    """(MFCC, MELS) orthonormal DCT-II rows 0…12."""
    order, mel = np.arange(MFCC)[:, None], np.arange(MELS)[None]
    basis = np.cos(np.pi * order * (mel + 0.5) / MELS) * np.sqrt(2 / MELS)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)
