"""A folder of a pretrained encoder in; vectors of texts or pictures, computed once over runs and kept by content, out.

Vectors are kept apart for each model, in the order in which its tasks asked for them: what a run computes does not depend on which model
of it came first, and who resumes reads what was written.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xxhash

from unified_assets.core.contracts import EncoderKind, ModelSpec
from unified_assets.core.presets import Preset
from unified_assets.inference.pretrained import encoder_of
from unified_assets.store import encoder_hub, encoders

VERSIONS: dict[EncoderKind, str] = {"text": "", "image": "-1"}  # of what is done to an item before the encoder sees it
ITEMS: dict[EncoderKind, str] = {"text": "texts", "image": "pictures"}


class KeptVectors:
    """`SentenceVectors` or `PictureVectors` of a kept encoder, with what was computed before. The encoder is loaded when the first new item is met."""

    def __init__(
        self, kind: EncoderKind, source: Path | str, *, state: Path, model: str, log: Callable[[str], None], name: str | None = None, layers: int = 0
    ) -> None:
        """`source`: its folder, or its name on the hub; `name`: what to call it where the folder does not tell; `layers`: the last ones, learned on."""
        folder, found = encoder_hub.resolved(kind, str(source), state)
        kept = encoders.keep(kind, folder, state)
        self.kind, self.folder, self.digest, self.name, self.layers = kind, kept, kept.name, name or found, layers
        self._source, self._home, self._log = kept, vectors_home(kind, kept.name, state, model), log
        self._place: dict[str, tuple[int, int]] = {}
        self._shards: list[np.ndarray] = []
        for shard in sorted(self._home.glob("shard-*")):
            self._read(shard)

    @cached_property
    def width(self) -> int:
        """Of its vectors."""
        return int(self._shards[0].shape[1] if self._shards else self._encoder.width)

    @cached_property
    def _encoder(self) -> Any:
        return encoder_of(self.kind, self._source)

    def network(self) -> Any:
        """The encoder itself."""
        return self._encoder

    def of(self, items: Sequence[Any]) -> np.ndarray:
        """(n, width) float32 of unit length, up to the rounding of float16 in which they are kept. items: texts, or arrays (side, side, 3) uint8."""
        keys = [_key(item) for item in items]
        new = {key: item for key, item in zip(keys, items, strict=True) if key not in self._place}
        if new:
            self._add(new)
        out = np.zeros((len(items), self.width), np.float32)
        for row, key in enumerate(keys):
            shard, place = self._place[key]
            out[row] = self._shards[shard][place]
        return out

    def _add(self, new: dict[str, Any]) -> None:
        self._log(f"{len(new):,} {ITEMS[self.kind]} through {self.name}")
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


def vectors_home(kind: EncoderKind, digest: str, state: Path, model: str) -> Path:
    """Where the vectors lie that an encoder gave for a model."""
    return state / "tensors" / f"{kind}-{digest}{VERSIONS[kind]}" / model


def _key(item: Any) -> str:
    """Hash of a text, or of the pixels that a model looks at."""
    if isinstance(item, str):
        return xxhash.xxh3_128_hexdigest(item.encode("utf-8", "surrogatepass"))
    return xxhash.xxh3_128_hexdigest(repr(item.shape).encode() + np.ascontiguousarray(item).tobytes())


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the nodes of a cluster find an encoder, and the vectors that are there already. `told`: the folder to name in what is trained, if another."""

    kind: EncoderKind
    folder: Path
    state: Path
    name: str
    layers: int
    told: Path | None = None

    def vectors(self, model: str) -> KeptVectors:
        """Those of a model, on this node."""
        found = KeptVectors(self.kind, self.folder, state=self.state, model=model, log=print, name=self.name, layers=self.layers)
        found.folder = self.told or found.folder
        return found

    def home(self, model: str) -> Path:
        """Where the vectors of a model lie."""
        return vectors_home(self.kind, self.folder.name, self.state, model)


def address_of(vectors: KeptVectors | None, state: Path) -> Address | None:
    """Of an encoder that was kept below `state`."""
    return None if vectors is None else Address(kind=vectors.kind, folder=vectors.folder, state=state, name=vectors.name, layers=vectors.layers)


def named(spec: ModelSpec, preset: Preset) -> str | None:
    """The encoder that a preset names for a model: its folder, or its name on the hub."""
    return None if spec.pretrained is None else {"text": preset.pretrained_text, "image": preset.pretrained_image}[spec.pretrained]


def kept_for(spec: ModelSpec, preset: Preset, *, state: Path, log: Callable[[str], None]) -> KeptVectors | None:
    """The encoder that the preset names, for a model that reads it. Raises InvalidSetting for a folder that holds none."""
    folder = named(spec, preset)
    if folder is None or spec.pretrained is None:
        return None
    layers = preset.pretrained_layers if spec.pretrained == "text" else 0
    return KeptVectors(spec.pretrained, folder, state=state, model=spec.name, log=log, layers=layers)
