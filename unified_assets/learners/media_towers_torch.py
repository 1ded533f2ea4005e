"""One tower for each kind of input: pictures, clips, sounds and sentences into vectors that a projection brings into one space."""

import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unified_assets.core.contracts import TaskData
from unified_assets.learners import audio_augment_torch, image_augment_torch
from unified_assets.learners import image_features_torch as features
from unified_assets.learners.audio_learner_torch import TIME_BINS, WIDE, SoundTrunk, sound_features
from unified_assets.learners.image_learner_torch import CLOSE_UP, Trunk
from unified_assets.learners.media_blueprints import RECIPES
from unified_assets.learners.media_cache import RowCache
from unified_assets.learners.video_features_torch import cached_clip_features, clip_features

BUCKETS = 1 << 13
TEXT_WIDTH = 96
LONGEST_TEXT = 2000  # characters that reach the text tower


def gather(data: TaskData, role: str, array: str, rows: np.ndarray, device: torch.device) -> Tensor:
    """(k, …) an encoded array as a tensor of its own."""
    return torch.from_numpy(np.array(data.gather(role, array, rows))).to(device)


class PictureTower(nn.Module):
    """Role with pixels (and things) → pooled (k, width) and fixed features."""

    def __init__(self, trunk: Trunk, width: int) -> None:
        super().__init__()
        self.trunk, self.width = trunk, width

    def forward(self, data: TaskData, role: str, rows: np.ndarray, look: Mapping[str, Any], key: str) -> tuple[Tensor, Tensor]:
        """look: side, strength (None: as it is)."""
        device = self.trunk.stem.weight.device
        with torch.no_grad():
            pictures = image_augment_torch.to_float(gather(data, role, "pixels", rows, device))
            varied = self.training and look["strength"] is not None
            pictures = image_augment_torch.jittered(pictures, look["side"], look["strength"]) if varied else image_augment_torch.plain(pictures, look["side"])
            maps = features.orientation_maps(features.grey(pictures))
            fixed = features.FEATURES[look["recipe"]](pictures, maps)
        return self.trunk(pictures, maps, key).mean(dim=(2, 3)), fixed

    @torch.no_grad()
    def classical(self, data: TaskData, role: str, rows: np.ndarray, look: Mapping[str, Any]) -> Tensor:
        """(k, features) for a classifier without a network, at the side its recipe is made for."""
        pictures = image_augment_torch.to_float(gather(data, role, "pixels", rows, self.trunk.stem.weight.device))
        return features.classical_features(look["recipe"], image_augment_torch.plain(pictures, RECIPES[look["recipe"]]["side"]))


class ClipTower(nn.Module):
    """Role with frames, close-ups and sound → pooled (k, 2 · width + sound) and fixed features."""

    def __init__(self, trunk: Trunk, sounds: SoundTrunk, width: int, pitch: nn.ModuleDict) -> None:
        super().__init__()
        self._cache = RowCache()
        self.trunk, self.sounds, self.pitch, self.width = trunk, sounds, pitch, 2 * width + width * TIME_BINS

    def forward(self, data: TaskData, role: str, rows: np.ndarray, look: Mapping[str, Any], key: str) -> tuple[Tensor, Tensor]:
        """In training two random frames of each clip, else all."""
        device = self.trunk.stem.weight.device
        frames, crops, mel, heard = (gather(data, role, name, rows, device) for name in ("pixels", "crops", "mel", "heard"))
        with torch.no_grad():
            seconds = gather(data, role, "seconds", rows, device)
            fixed = torch.cat([cached_clip_features(self._cache, data, role, rows, device), sound_features(mel, seconds) * heard, heard], dim=1)
        chosen = torch.randint(0, frames.shape[1], (2,)).tolist() if self.training else range(frames.shape[1])
        pooled = [self._frames(frames, chosen, 64, look, key), self._frames(crops, chosen, 48, look, key + CLOSE_UP)]
        mel = audio_augment_torch.varied(mel, self.pitch[key]()) if self.training else mel
        return torch.cat([*pooled, self.sounds(mel, key) * heard], dim=1), fixed

    @torch.no_grad()
    def classical(self, data: TaskData, role: str, rows: np.ndarray, _look: Mapping[str, Any]) -> Tensor:
        """(k, features) for a classifier without a network: what is seen and heard."""
        device = self.trunk.stem.weight.device
        mfcc, heard = (gather(data, role, name, rows, device) for name in ("mfcc", "heard"))
        return torch.cat([cached_clip_features(self._cache, data, role, rows, device), mfcc * heard, heard], dim=1)

    def _frames(self, frames: Tensor, chosen: Sequence[int], side: int, look: Mapping[str, Any], key: str) -> Tensor:
        count = len(chosen)
        with torch.no_grad():
            pictures = image_augment_torch.to_float(frames[:, list(chosen)].flatten(0, 1))
            if self.training:
                pictures = image_augment_torch.jittered(pictures, side, look["strength"])
            maps = features.orientation_maps(features.grey(pictures))
        pooled: Tensor = self.trunk(pictures, maps, key).mean(dim=(2, 3)).unflatten(0, (-1, count)).mean(dim=1)
        return pooled


class SoundTower(nn.Module):
    """Role with a log-mel picture → pooled (k, width · TIME_BINS) and fixed features."""

    def __init__(self, trunk: SoundTrunk, width: int, pitch: nn.ModuleDict) -> None:
        super().__init__()
        self.trunk, self.pitch, self.width = trunk, pitch, width * TIME_BINS

    def forward(self, data: TaskData, role: str, rows: np.ndarray, _look: Mapping[str, Any], key: str) -> tuple[Tensor, Tensor]:
        """Varied in training."""
        device = self.trunk.stem.weight.device
        mel, seconds = (gather(data, role, name, rows, device) for name in ("mel", "seconds"))
        with torch.no_grad():
            mel = audio_augment_torch.varied(mel, self.pitch[key]()) if self.training else mel
            fixed = sound_features(mel, seconds)
        return self.trunk(mel, key), fixed

    @torch.no_grad()
    def classical(self, data: TaskData, role: str, rows: np.ndarray, _look: Mapping[str, Any]) -> Tensor:
        """(k, features) for a classifier without a network."""
        return gather(data, role, "mfcc", rows, self.trunk.stem.weight.device)


class TextTower(nn.Module):
    """Sentences → mean of hashed word, word pair and trigram vectors (k, TEXT_WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.width = TEXT_WIDTH
        self.bag = nn.EmbeddingBag(BUCKETS, TEXT_WIDTH, mode="mean")
        nn.init.normal_(self.bag.weight, std=0.3)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """One vector a text."""
        device = self.bag.weight.device
        rows = [hashed(text) for text in texts]
        offsets = np.cumsum([0, *(len(row) for row in rows[:-1])])
        out: Tensor = self.bag(torch.as_tensor(np.concatenate(rows), device=device), torch.as_tensor(offsets, device=device))
        return out


def hashed(text: str) -> np.ndarray:
    """Bucket numbers of a text's words, word pairs and letter trigrams; never empty."""
    words = re.findall(r"\w+", text[:LONGEST_TEXT].lower())
    padded = [f"^{word}$" for word in words]
    grams = [*words, *(f"{a} {b}" for a, b in pairwise(words)), *(word[i : i + 3] for word in padded for i in range(len(word) - 2))]
    return np.asarray([zlib.crc32(gram.encode()) % BUCKETS for gram in grams or [""]], np.int64)


def text_of(data: TaskData, roles: Sequence[str], rows: np.ndarray) -> list[str]:
    """The text roles of each row, in the order of the roles."""
    return ["\n".join(data.texts[role][int(row)] for role in roles) for row in rows]


def fixed_width(kind: str, look: Mapping[str, Any], side: int) -> int:
    """How many fixed features a tower gives of a picture of `side`; other inputs have one size."""
    if kind == "audio":
        return WIDE
    if kind == "video":
        blank = torch.zeros(1, 2, 64, 64, 3, dtype=torch.uint8), torch.zeros(1, 2, 48, 48, 3, dtype=torch.uint8), torch.zeros(1, 2, 4)
        return clip_features(*blank).shape[1] + WIDE + 1
    pictures, maps = torch.zeros(1, 3, side, side), torch.zeros(1, features.ORIENTATIONS, side, side)
    return features.FEATURES[look["recipe"]](pictures, maps).shape[1]
