"""Texts → vectors of a pretrained sentence encoder (transformers), frozen: what it knows is added to the classical features, never in their place."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from unified_assets.core.errors import InvalidSetting

BATCH = 32
MOST_TOKENS = 256


class SentenceEncoder:
    """An encoder from a folder (config.json, *.safetensors, a tokenizer). `of` gives unit vectors; nothing of the folder is executed."""

    def __init__(self, folder: Path, digest: str) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found, unused-ignore]
            from transformers.utils import logging  # type: ignore[import-not-found, unused-ignore]
        except ImportError as error:
            fix = 'Install the extra: `pip install "unified-assets[pretrained]"`.'
            raise InvalidSetting(source="preset", field="pretrained_text", value=str(folder), problem="transformers is not installed", fix=fix) from error
        closed: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
        logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
        try:
            with torch.random.fork_rng(devices=[]):  # parts that a folder lacks are drawn at random: not from the numbers of a training
                self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), **closed)
                model, told = AutoModel.from_pretrained(str(folder), use_safetensors=True, output_loading_info=True, **closed)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise _unusable(folder, f"transformers cannot read it: {str(error).splitlines()[0]}") from error
        if absent := sorted(name for name in told["missing_keys"] if "pooler" not in name):  # words are pooled here
            raise _unusable(folder, f"its weights lack {len(absent)} tensors, {absent[0]} the first")
        self._model: Any = model.eval()
        self.digest, self.name, self.folder = digest, folder.name, folder
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


def _unusable(folder: Path, problem: str) -> InvalidSetting:
    fix = "Name the folder of an encoder as transformers or sentence-transformers save it."
    return InvalidSetting(source="preset", field="pretrained_text", value=str(folder), problem=problem, fix=fix)


def _pools_first(folder: Path) -> bool:
    """Whether a sentence is its first token, by the file that sentence-transformers writes."""
    try:
        told = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        return bool(told["pooling_mode_cls_token"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
