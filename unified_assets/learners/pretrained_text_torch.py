"""Texts → vectors of a pretrained sentence encoder (transformers), frozen: what it knows is added to the classical features, never in their place."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from unified_assets.learners import pretrained_torch

BATCH = 32
MOST_TOKENS = 256


class SentenceEncoder:
    """An encoder from a folder (config.json, *.safetensors, a tokenizer). `of` gives unit vectors."""

    def __init__(self, folder: Path) -> None:
        self._model: Any = pretrained_torch.network("text", folder, needless=("pooler",))  # words are pooled here
        self._tokenizer: Any = pretrained_torch.read("text", folder, lambda found: found.AutoTokenizer.from_pretrained(str(folder), **pretrained_torch.CLOSED))
        self.width = int(self._model.config.hidden_size)
        self._first = _pools_first(folder)
        self._longest = min(MOST_TOKENS, int(getattr(self._model.config, "max_position_embeddings", MOST_TOKENS)))

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32 of unit length: the mean over a text's words, or its first token where the encoder says so."""
        out = np.zeros((len(texts), self.width), np.float32)
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            read = self._tokenizer([texts[place] for place in places], padding=True, truncation=True, max_length=self._longest, return_tensors="pt")
            with torch.no_grad():
                words = self._model(**read).last_hidden_state
            mask = read["attention_mask"].to(words)[:, :, None]
            mean = words[:, 0] if self._first else (words * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
            out[places] = functional.normalize(mean.float(), dim=1).numpy()
        return out


def _pools_first(folder: Path) -> bool:
    """Whether a sentence is its first token, by the file that sentence-transformers writes."""
    try:
        told = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        return bool(told["pooling_mode_cls_token"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
