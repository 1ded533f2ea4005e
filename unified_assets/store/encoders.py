"""A folder with a pretrained encoder in; a copy below the state folder, kept once by the hash of its content, out.

A version of a model names the encoder it was trained beside by that hash: many versions share one copy, and another encoder is never
taken in its place.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import xxhash

from unified_assets.core.contracts import EncoderKind
from unified_assets.core.errors import InvalidSetting, UnifiedAssetsError

WEIGHTS = "*.safetensors"  # pickled weights are not read
KEPT = (WEIGHTS, "*.json", "vocab.txt", "merges.txt", "*.model")  # what transformers reads of a folder, besides weights in other forms
POOLING = "1_Pooling/config.json"  # how sentence-transformers says what to make of the words' vectors
SAVED = {"text": "as transformers or sentence-transformers save it", "image": "as transformers saves it"}
_CHUNK = 1 << 20


class EncoderMissing(UnifiedAssetsError):
    """A model was trained beside an encoder that is not here."""

    def __init__(self, *, kind: EncoderKind, digest: str, name: str, looked: Iterable[Path]) -> None:
        self.kind, self.digest, self.name = kind, digest, name
        places = ", ".join(str(path) for path in looked) or "nowhere"
        super().__init__(
            f"this model was trained beside the {kind} encoder {name} ({digest}), which was found in none of: {places}. "
            f"Set UNIFIED_ASSETS_{setting_of(kind).upper()} to a folder that holds this very encoder."
        )


def setting_of(kind: EncoderKind) -> str:
    """The field of a preset, and the setting, that names an encoder."""
    return f"pretrained_{kind}"


def unusable(kind: EncoderKind, folder: Path | str, problem: str, fix: str | None = None) -> InvalidSetting:
    """The error for a folder that holds no such encoder."""
    fix = fix or f"Name the folder of an encoder {SAVED[kind]}."
    return InvalidSetting(source="preset", field=setting_of(kind), value=str(folder), problem=problem, fix=fix)


def keep(kind: EncoderKind, source: Path, state: Path) -> Path:
    """The copy of an encoder below `<state>/encoders/<digest>`, made if it is not there. Raises InvalidSetting for a folder that is none."""
    files = _files(kind, source)
    home = state / "encoders" / _digest(files)
    if not home.is_dir():
        attempt = home.with_name(f".tmp-{home.name}-{os.getpid()}")
        shutil.rmtree(attempt, ignore_errors=True)
        for name, path in files.items():
            (attempt / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, attempt / name)
        try:
            attempt.rename(home)
        except OSError:
            shutil.rmtree(attempt, ignore_errors=True)
            if not home.is_dir():  # else another model of the run was faster
                raise
    return home


def digest_of(kind: EncoderKind, folder: Path) -> str:
    """The hash under which the encoder in a folder is kept. Raises InvalidSetting for a folder that holds none."""
    return _digest(_files(kind, folder))


def find(kind: EncoderKind, digest: str, name: str, places: Iterable[Path]) -> Path:
    """The first of these folders that holds the encoder of this digest. Raises EncoderMissing."""
    looked = list(places)
    for folder in looked:
        try:
            if folder.is_dir() and digest_of(kind, folder) == digest:
                return folder
        except InvalidSetting:
            continue
    raise EncoderMissing(kind=kind, digest=digest, name=name, looked=looked)


def _files(kind: EncoderKind, folder: Path) -> Mapping[str, Path]:
    found = sorted(path for pattern in (*KEPT, POOLING) for path in folder.glob(pattern) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in found}
    if "config.json" not in names or not any(path.match(WEIGHTS) for path in found):
        raise unusable(kind, folder, "it is no folder with config.json and weights as .safetensors (weights in pickled form are not read)")
    return names


def _digest(files: Mapping[str, Path]) -> str:
    """Hash (xxh3-128) of the names and bytes of what is read of an encoder."""
    found = xxhash.xxh3_128()
    for name, path in files.items():
        found.update(f"{name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                found.update(chunk)
    return found.hexdigest()
