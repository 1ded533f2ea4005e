import numpy as np
import pytest

from unified_assets.core.media import DecodedAudio
from unified_assets.quality import sounds


def melody(seed, rate_hz=16_000, gain=0.5):
    """Two seconds of gliding tones and bursts."""
    rng = np.random.default_rng(seed)
    time = np.arange(2 * rate_hz) / rate_hz
    wave = np.zeros(len(time))
    for start in np.arange(0, 2, 0.25):
        frequency, length = rng.uniform(150, 3000), rng.uniform(0.1, 0.4)
        wave += np.sin(2 * np.pi * frequency * time) * np.exp(-np.maximum(time - start, 0) / length) * (time >= start) * rng.uniform(0.2, 1)
    return DecodedAudio(samples=(gain * wave / np.abs(wave).max()).astype(np.float32)[:, None], sample_rate_hz=rate_hz)


def groups(*listed):
    return sounds.near_duplicates([sounds.signature(audio) for audio in listed])


@pytest.mark.parametrize(
    "change",
    [
        lambda seed: melody(seed, gain=0.1),
        lambda seed: melody(seed, rate_hz=22_050),
        lambda seed: DecodedAudio(samples=np.round(melody(seed).samples * 127) / np.float32(127), sample_rate_hz=16_000),
        lambda seed: DecodedAudio(samples=melody(seed).samples[60:-60], sample_rate_hz=16_000),
    ],
    ids=["quieter", "resampled", "8 bits", "cut at both ends"],
)
def test_the_same_recording_is_found_whatever_its_level_rate_and_depth(change):
    assert [groups(melody(seed), melody(seed + 50), change(seed)) for seed in range(6)] == [[[0, 2]]] * 6


def test_different_recordings_are_not_duplicates():
    assert groups(*(melody(seed) for seed in range(40))) == []


def test_of_silence_and_of_an_instant_nothing_is_said():
    assert sounds.signature(DecodedAudio(samples=np.zeros((16_000, 1), np.float32), sample_rate_hz=16_000)) is None
    assert sounds.signature(DecodedAudio(samples=np.ones((50, 2), np.float32), sample_rate_hz=16_000)) is None
