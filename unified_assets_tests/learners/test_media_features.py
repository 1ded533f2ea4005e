"""Fixed features of pictures, sounds, clips and drawn scenes."""

import numpy as np
import pytest
import torch

from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedAudio, DecodedDocument, DecodedImage, DecodedVideo, Page
from unified_assets.learners import audio_augment_torch, image_augment_torch
from unified_assets.learners import image_features_torch as features
from unified_assets.learners.audio_features import log_mel, mfcc_statistics, resize_time
from unified_assets.learners.audio_learner_torch import sound_features
from unified_assets.learners.audio_pitch_torch import PitchStrength, harmless
from unified_assets.learners.image_objects import COLOURS, SHAPES, things
from unified_assets.learners.media_grounding import SIZE, grounding
from unified_assets.learners.media_towers_torch import hashed
from unified_assets.learners.media_views import frames_of, pixels_of, sound_of, square
from unified_assets.learners.video_features import close_ups


def image(side: int = 40, shade: int = 200) -> np.ndarray:
    return np.full((side, side, 3), shade, np.uint8)


def test_an_upright_edge_lies_in_one_orientation():
    pictures = torch.zeros(1, 1, 32, 32)
    pictures[..., 16:] = 1
    maps = features.orientation_maps(pictures).sum(dim=(2, 3))[0]
    assert maps.argmax() == 0
    turned = features.orientation_maps(pictures.transpose(2, 3)).sum(dim=(2, 3))[0]
    assert int(turned.argmax()) in {4, 5}


def test_hog_does_not_change_with_contrast():
    picture = torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    strong, weak = (features.hog(features.orientation_maps(picture * factor), 8) for factor in (1.0, 0.5))
    assert torch.allclose(strong, weak, atol=0.02)


def test_colour_histograms_are_shares_by_region():
    pictures = torch.zeros(2, 3, 48, 48)
    pictures[:, 0] = 1
    counts = features.colour_histogram(pictures).square().view(2, 14, features.COLOURS)
    assert torch.allclose(counts.sum(dim=2), torch.ones(2, 14))
    assert torch.allclose(counts.amax(dim=2), torch.ones(2, 14))


def test_a_flipped_plain_view_is_the_mirror_image():
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(image_augment_torch.plain(pictures, 32, flip=True), pictures.flip(3), atol=1e-5)


NO_CHANGE = dict.fromkeys(("aspect", "rotation", "shear", "shift", "light", "saturation", "channel", "flip"), 0.0) | {"area": 1.0, "area_max": 1.0}


def varied_by(what: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures whose red is none above and something below, and the same with one property varied."""
    pictures = 0.3 + 0.4 * torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    pictures[:, 0, :8] = 0.0
    assert torch.allclose(image_augment_torch.jittered(pictures, 16, NO_CHANGE), pictures, atol=1e-5)
    torch.manual_seed(1)
    varied = image_augment_torch.jittered(pictures, 16, NO_CHANGE | {what: 0.1})
    assert float((varied - pictures).abs().mean()) > 1e-3
    return pictures, varied


def test_saturation_leaves_the_grey_of_a_picture_as_it_was():
    pictures, varied = (values[:, :, 9:] for values in varied_by("saturation"))
    assert torch.allclose(pictures.mean(dim=1), varied.mean(dim=1), atol=1e-5)


def test_a_channels_gain_keeps_none_at_none():
    _, varied = varied_by("channel")
    assert float(varied[:, 0, :7].max()) == 0.0


def test_light_changes_the_differences_of_channels_by_one_factor_a_picture():
    before, after = (values[:, 1:, 9:] - values[:, :1, 9:] for values in varied_by("light"))
    share = (after * before).sum(dim=(1, 2, 3)) / before.square().sum(dim=(1, 2, 3))
    assert torch.allclose(after, share[:, None, None, None] * before, atol=1e-5)


def test_cut_mix_keeps_targets_a_distribution():
    torch.manual_seed(1)
    _, target = image_augment_torch.cut_mix(torch.rand(4, 3, 16, 16), torch.eye(4))
    assert torch.allclose(target.sum(dim=1), torch.ones(4))


def test_a_locator_names_the_page_or_picture():
    document = DecodedDocument(pages=(Page(image=image(40, 1), text=""), Page(image=image(40, 2), text="")), pictures=(image(40, 3),))
    assert [int(pixels_of(document, locator).mean()) for locator in (None, "page=1", "picture=0")] == [1, 2, 3]
    with pytest.raises(UnreadableFile, match="no_page"):
        pixels_of(document, "page=2")


def test_a_short_clip_repeats_frames_and_a_picture_has_none():
    video = DecodedVideo(frames=np.stack([image(40, shade) for shade in (0, 100)]), times_s=np.arange(2.0), fps=1, duration_s=2)
    assert frames_of(video, 4)[:, 0, 0, 0].tolist() == [0, 0, 100, 100]
    with pytest.raises(UnreadableFile, match="no_frames"):
        frames_of(DecodedImage(pixels=image(), original_width=1, original_height=1), 4)


def test_sound_is_brought_to_eight_kilohertz_and_cut_by_its_locator():
    audio = DecodedAudio(samples=np.zeros((32000, 2), np.float32), sample_rate_hz=16000)
    assert len(sound_of(audio, None)) == 16000
    assert len(sound_of(audio, "time=0.5-1.0")) == 4000
    with pytest.raises(UnreadableFile, match="no_sound"):
        sound_of(DecodedVideo(frames=image()[None], times_s=np.zeros(1), fps=1, duration_s=1), None)


def test_silence_around_a_tone_is_trimmed():
    tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000).astype(np.float32)
    padded = np.concatenate([np.zeros(8000, np.float32), tone, np.zeros(8000, np.float32)])
    (mel, seconds), (padded_mel, padded_seconds) = log_mel(tone), log_mel(padded)
    assert abs(padded_seconds - seconds) < 0.06
    assert mel.mean(axis=1).argmax() == padded_mel.mean(axis=1).argmax()
    assert resize_time(mel, 64).shape == (32, 64)
    assert np.isfinite(mfcc_statistics(mel, seconds)).all()


def test_digital_silence_has_finite_features():
    mel, seconds = log_mel(np.zeros(200, np.float32))
    assert np.isfinite(mel).all()
    assert np.isfinite(mfcc_statistics(mel, seconds)).all()


def test_varied_sounds_keep_their_shape_and_stay_finite():
    torch.manual_seed(0)
    varied = audio_augment_torch.varied(torch.randn(5, 32, 64))
    assert varied.shape == (5, 32, 64)
    assert bool(torch.isfinite(varied).all())


def test_a_close_up_finds_what_moves():
    frames = np.stack([image(128, 90) for _ in range(4)])
    for index in range(4):
        frames[index, 20:28, 20 + 20 * index : 28 + 20 * index] = 255
    crops, spots = close_ups(frames, 32)
    assert crops.shape == (4, 32, 32, 3)
    assert (crops.reshape(4, -1).max(axis=1) > 200).all()
    assert (np.diff(spots[:, 0]) > 0).all()


def scene() -> np.ndarray:
    """Two panels: a black and a yellow square in the left one, a blue triangle in the right one."""
    pixels = np.full((100, 250, 3), 128, np.uint8)
    pixels[:, :100] = pixels[:, 150:] = 211
    pixels[10:30, 10:30] = 0
    pixels[70:100, 40:70] = (255, 255, 0)
    for row in range(30):
        pixels[40 + row, 180 - row // 2 : 181 + row // 2] = (0, 153, 255)
    return pixels


def test_things_have_a_panel_a_colour_and_a_shape():
    found = {(int(row[0]), COLOURS[int(row[1])], SHAPES[int(row[2])]) for row in things(scene()) if row[0] >= 0}
    assert found == {(0, "black", "square"), (0, "yellow", "square"), (1, "blue", "triangle")}


def test_a_sentence_and_a_scene_give_comparisons_that_differ_with_the_number_said():
    seen = things(scene())
    values = grounding(["There are 2 squares", "There are 3 squares", ""], np.stack([seen] * 3))
    assert values.shape == (3, SIZE)
    assert not np.array_equal(values[0], values[1])


def test_equal_texts_share_their_buckets_and_an_empty_one_has_one():
    assert hashed("A red ball").tolist() == hashed("a RED ball").tolist()
    assert len(hashed("")) == 1


def test_a_squared_picture_keeps_its_colour():
    assert square(np.full((3, 500, 3), 77, np.uint8), 16).tolist() == np.full((16, 16, 3), 77).tolist()


def sounds_of_four_classes(*, by: str) -> tuple[torch.Tensor, np.ndarray]:
    """Log-mel pictures: a class is one of four neighbouring tones, or one of four shapes in time."""
    generator = torch.Generator().manual_seed(3)
    target = np.arange(40) % 4
    mel = 0.3 * torch.randn(40, 32, 64, generator=generator) - 8
    for row, place in enumerate(target):
        if by == "pitch":
            mel[row, 8 + 2 * int(place)] += 8
        else:
            mel[row, 6:20, 16 * int(place) : 16 * int(place) + 16] += 8
    return mel, target


def features_of(mel: torch.Tensor) -> torch.Tensor:
    return sound_features(mel, torch.zeros(len(mel), 1))


def test_pitch_is_moved_only_where_it_does_not_tell_the_class():
    shares = {}
    for by in ("pitch", "time"):
        mel, target = sounds_of_four_classes(by=by)
        shares[by] = harmless(mel, torch.from_numpy(target), features_of)
    assert shares["time"] == 1.0
    assert shares["pitch"] <= 0.25


def test_measuring_pitch_leaves_the_random_state_as_it_was():
    mel, target = sounds_of_four_classes(by="pitch")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    PitchStrength().fit(mel, target, features_of)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_made_before_pitch_was_measured_has_the_full_strength():
    strength = PitchStrength()
    strength.share.fill_(0.25)
    strength.load_state_dict({})
    assert strength() == 1.0


def test_a_leaning_stroke_is_made_upright_and_centred():
    canvas = torch.zeros(2, 3, 48, 48)
    for y in range(10, 38):
        canvas[0, :, y, 16 + y // 4 : 19 + y // 4] = 1  # white on black, leaning
        canvas[1, :, y, 8:11] = 1  # upright, off the middle
    ink = features.upright(canvas)[:, 0].sum(dim=1)
    assert [int((row > 5).sum()) <= 4 for row in ink] == [True, True]  # columns with much ink
    assert [22 <= int(row.argmax()) <= 25 for row in ink] == [True, True]
    assert int((canvas[0, 0].sum(dim=0) > 0).sum()) == 10
