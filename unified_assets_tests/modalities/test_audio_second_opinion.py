import io

import numpy as np
import pytest
import soundfile

from unified_assets.core.errors import UnreadableFile
from unified_assets.modalities import audio


def flac(seconds: float) -> bytes:
    buffer = io.BytesIO()
    rng = np.random.default_rng(3)
    soundfile.write(buffer, rng.normal(0, 0.1, int(8000 * seconds)).astype(np.float32), 8000, format="FLAC")
    return buffer.getvalue()


def test_a_sound_that_one_decoder_gives_up_is_read_by_the_other(monkeypatch):
    pytest.importorskip("av")

    def lost_sync(self, *args, **kwargs):
        raise RuntimeError("lost sync")

    monkeypatch.setattr(soundfile.SoundFile, "read", lost_sync)
    decoded = audio.decode(io.BytesIO(flac(1.0)), "audio/flac")
    assert decoded.samples.shape == (8000, 1)
    assert decoded.sample_rate_hz == 8000


def test_half_a_sound_is_not_taken_for_a_whole_one():
    whole = flac(2.0)
    with pytest.raises(UnreadableFile, match=r"corrupt|truncated"):
        audio.decode(io.BytesIO(whole[: len(whole) // 2]), "audio/flac")


def test_every_real_flac_recording_is_heard_whole(corpus):
    paths = sorted(corpus.rglob("*.flac"))
    if not paths:
        pytest.skip("no FLAC among the real files")
    for path in paths:
        decoded = audio.decode(io.BytesIO(path.read_bytes()), "audio/flac")
        assert len(decoded.samples) == pytest.approx(soundfile.info(path).frames, rel=0.02)
