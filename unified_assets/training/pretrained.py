"""A folder of a sentence encoder in; vectors of texts, computed once over runs and kept by content, out.

Vectors are kept apart for each model, in the order in which its tasks asked for them: what a run computes does not depend on which model
of it came first, and who resumes reads what was written.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import xxhash

from unified_assets.core.contracts import SentenceVectors, TaskData
from unified_assets.learners.pretrained_text_torch import SentenceEncoder
from unified_assets.store import encoders


class KeptVectors:
    """`SentenceVectors` of a kept encoder, with what was computed before. The encoder is loaded when the first new text is met."""

    def __init__(self, source: Path, *, state: Path, model: str, log: Callable[[str], None]) -> None:
        kept = encoders.keep(source.expanduser(), state)
        self.folder, self.digest, self.name = kept, kept.name, source.name
        self.width = int(json.loads((kept / "config.json").read_text(encoding="utf-8"))["hidden_size"])
        self._home, self._log = state / "tensors" / f"text-{kept.name}" / model, log
        self._encoder: SentenceEncoder | None = None
        self._place: dict[str, tuple[int, int]] = {}
        self._shards: list[np.ndarray] = []
        for shard in sorted(self._home.glob("shard-*")):
            self._read(shard)

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32 of unit length, up to the rounding of float16 in which they are kept."""
        keys = [xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._place}
        if new:
            self._add(new)
        out = np.zeros((len(texts), self.width), np.float32)
        for row, key in enumerate(keys):
            shard, place = self._place[key]
            out[row] = self._shards[shard][place]
        return out

    def _add(self, new: dict[str, str]) -> None:
        if self._encoder is None:
            self._encoder = SentenceEncoder(self.folder, self.digest)
        self._log(f"{len(new):,} texts through {self.name}")
        vectors = self._encoder.of(list(new.values())).astype(np.float16)
        self._home.mkdir(parents=True, exist_ok=True)
        shard = self._home / f"shard-{len(self._shards):06d}"
        attempt = self._home / f".tmp-{shard.name}-{os.getpid()}"
        shutil.rmtree(attempt, ignore_errors=True)
        attempt.mkdir()
        np.save(attempt / "vectors.npy", vectors)
        pl.DataFrame({"key": list(new)}).write_parquet(attempt / "keys.parquet")
        attempt.rename(shard)
        self._read(shard)

    def _read(self, shard: Path) -> None:
        vectors = np.load(shard / "vectors.npy", mmap_mode="r", allow_pickle=False)
        for place, key in enumerate(pl.read_parquet(shard / "keys.parquet")["key"]):
            self._place[key] = (len(self._shards), place)
        self._shards.append(vectors)


def with_vectors(tasks: Sequence[TaskData], vectors: SentenceVectors | None) -> tuple[TaskData, ...]:
    """The same tasks, with these vectors for their learners."""
    return tuple(data if data.sentence_vectors is vectors else replace(data, sentence_vectors=vectors) for data in tasks)
