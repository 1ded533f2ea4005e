"""Pictures → vectors of a pretrained image encoder (transformers), frozen: beside the classical features of a linear classifier, never in their place.

Pictures are brought into the form that `preprocessor_config.json` states by torch alone: the image processors of transformers and all of timm
need torchvision.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unified_assets.learners import pretrained_torch
from unified_assets.store.encoders import unusable

BATCH = 16
SIDES = (8, 1024)  # pixels
FORM = "preprocessor_config.json"
RESAMPLING = {0: "nearest-exact", 2: "bilinear", 3: "bicubic"}  # numbers of PIL
MAPS = 4  # axes of what a convolutional network gives
NEEDLESS = ("mask_token",)  # used in pretraining only


class PictureEncoder:
    """An encoder from a folder (config.json, *.safetensors, preprocessor_config.json). `of` gives unit vectors."""

    def __init__(self, folder: Path) -> None:
        self._model: Any = pretrained_torch.network("image", folder, needless=lambda model: (*NEEDLESS, *(["pooler"] if _has_first(model) else [])))
        self._first = _has_first(self._model)
        self._form = _Form(folder)
        blank = np.zeros((1, 1, 3), np.uint8)
        self.width = int(pretrained_torch.read("image", folder, lambda _: self._vectors([blank]).shape[1]))

    def of(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """pictures: n arrays (h, w, 3) uint8 → (n, width) float32 of unit length."""
        parts = [self._vectors(pictures[start : start + BATCH]).numpy() for start in range(0, len(pictures), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)

    @torch.no_grad()
    def _vectors(self, pictures: Sequence[np.ndarray]) -> Tensor:
        values = torch.cat([self._form(picture) for picture in pictures])
        if hasattr(self._model, "get_image_features"):  # of pictures and texts in one space
            told = self._model.get_image_features(pixel_values=values)
            found = told if isinstance(told, Tensor) else told.pooler_output
        else:
            found = self._pooled(self._model(pixel_values=values))
        return functional.normalize(found.flatten(1).float(), dim=1)

    def _pooled(self, told: Any) -> Tensor:
        """(n, width): the first token where there is one for that, else what the network pools itself, else a mean over places."""
        states: Tensor = told.last_hidden_state
        if self._first:
            return states[:, 0]
        pooled: Tensor | None = getattr(told, "pooler_output", None)
        if pooled is not None:
            return pooled
        return states.flatten(2).mean(dim=2) if states.dim() == MAPS else states.mean(dim=1)


def _has_first(model: Any) -> bool:
    """Whether there is a token for the picture as a whole; what pools the others is not used then."""
    return any(name.endswith("cls_token") for name, _ in model.named_parameters())


class _Form:
    """What an encoder wants a picture to be like."""

    def __init__(self, folder: Path) -> None:
        try:
            told: Mapping[str, Any] = json.loads((folder / FORM).read_text(encoding="utf-8"))
            size = told["crop_size"] if told.get("do_center_crop") and "crop_size" in told else told["size"]
            self.size = _side(size, "height"), _side(size, "width")
            self._factor = float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0
            normal = bool(told.get("do_normalize", True))
            mean, deviation = (told["image_mean"], told["image_std"]) if normal else ((0.0,) * 3, (1.0,) * 3)
            self._mean, self._deviation = (torch.tensor([float(part) for part in parts]).view(1, 3, 1, 1) for parts in (mean, deviation))
            self._mode = RESAMPLING.get(int(told.get("resample", 2)), "bilinear")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RuntimeError) as error:
            raise unusable("image", folder, f"its {FORM} cannot be read ({type(error).__name__}: {error})") from error
        if not all(SIDES[0] <= side <= SIDES[1] for side in self.size):
            raise unusable("image", folder, f"its {FORM} asks for pictures of {self.size[0]} x {self.size[1]} pixels, not of {SIDES[0]} to {SIDES[1]}")

    def __call__(self, picture: np.ndarray) -> Tensor:
        """(h, w, 3) uint8 → (1, 3, height, width): all of the picture, where other programs crop its borders."""
        values = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
        if values.shape[2:] != self.size:
            smooth: dict[str, Any] = {} if self._mode == "nearest-exact" else {"antialias": True, "align_corners": False}
            values = functional.interpolate(values, self.size, mode=self._mode, **smooth).round().clamp(0, 255)
        return (values * self._factor - self._mean) / self._deviation


def _side(size: Any, name: str) -> int:
    """Of `{"height": …, "width": …}`, of `{"shortest_edge": …}` or of a number."""
    return int(size.get(name, size.get("shortest_edge")) if isinstance(size, Mapping) else size)
