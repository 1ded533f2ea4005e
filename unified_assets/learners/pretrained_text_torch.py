"""Texts → vectors of a pretrained sentence encoder (transformers), frozen: what it knows is added to the classical features, never in their place."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.learners import pretrained_torch
from unified_assets.store.encoders import unusable

BATCH = 32
MOST_TOKENS = 256
FEWER = "Lower `pretrained_layers`; 0 leaves the encoder frozen."


class SentenceEncoder:
    """An encoder from a folder (config.json, *.safetensors, a tokenizer). `of` gives unit vectors."""

    def __init__(self, folder: Path) -> None:
        self._model: Any = pretrained_torch.network("text", folder, needless=lambda _: ("pooler",))  # words are pooled here
        self._tokenizer: Any = pretrained_torch.read("text", folder, lambda found: found.AutoTokenizer.from_pretrained(str(folder), **pretrained_torch.CLOSED))
        self._folder = folder
        self.width = int(self._model.config.hidden_size)
        self._first = _pools_first(folder)
        self._longest = min(MOST_TOKENS, int(getattr(self._model.config, "max_position_embeddings", MOST_TOKENS)))

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32 of unit length: the mean over a text's words, or its first token where the encoder says so."""
        out = np.zeros((len(texts), self.width), np.float32)
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            with torch.no_grad():
                out[places] = self.unit([texts[place] for place in places]).cpu().numpy()
        return out

    def unit(self, texts: Sequence[str], layers: Mapping[str, Tensor] | None = None) -> Tensor:
        """(n, width) float32 of unit length; with `layers` in the place of the tensors of these names, and on their device."""
        given = dict(layers or {})
        for value in given.values():
            self._model.to(value.device)
            break
        read = self._tokenizer(list(texts), padding=True, truncation=True, max_length=self._longest, return_tensors="pt").to(self._model.device)
        words = torch.func.functional_call(self._model, given, (), dict(read)).last_hidden_state
        mask = read["attention_mask"].to(words)[:, :, None]
        mean = words[:, 0] if self._first else (words * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return functional.normalize(mean.float(), dim=1)

    def last_layers(self, count: int) -> dict[str, Tensor]:
        """The tensors of its last layers by name. Raises InvalidSetting where it has no list of so many."""
        deep = int(getattr(self._model.config, "num_hidden_layers", 0))
        stacks = [name for name, part in self._model.named_modules() if isinstance(part, nn.ModuleList) and len(part) == deep]
        if not 0 < count <= deep or len(stacks) != 1:
            raise unusable("text", self._folder, f"{count} last layers cannot be learned on: it has {deep if stacks else 'no list of'} layers", FEWER)
        wanted = tuple(f"{stacks[0]}.{place}." for place in range(deep - count, deep))
        return {name: value for name, value in self._model.named_parameters() if name.startswith(wanted)}


def _pools_first(folder: Path) -> bool:
    """Whether a sentence is its first token, by the file that sentence-transformers writes."""
    try:
        told = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        return bool(told["pooling_mode_cls_token"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
