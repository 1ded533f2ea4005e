"""A folder with an encoder as transformers saves it → the network, whole and frozen, and what must not be missing from its weights.

Nothing of the folder is executed and nothing is looked up elsewhere: weights are .safetensors, `trust_remote_code` is off.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from unified_assets.core.contracts import EncoderKind
from unified_assets.store.encoders import unusable

CLOSED = {"local_files_only": True, "trust_remote_code": False}


def library(kind: EncoderKind, folder: Path) -> Any:
    """The module `transformers`, silent. Raises InvalidSetting where it is not installed."""
    try:
        import transformers  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise unusable(kind, folder, "transformers is not installed", 'Install the extra: `pip install "unified-assets[pretrained]"`.') from error
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
    return transformers


def read(kind: EncoderKind, folder: Path, load: Callable[[Any], Any]) -> Any:
    """What `load(transformers)` gives. Raises InvalidSetting for what transformers cannot read."""
    found = library(kind, folder)
    try:
        with torch.random.fork_rng(devices=[]):  # parts that a folder lacks are drawn at random: not from the numbers of a training
            return load(found)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
        raise unusable(kind, folder, f"transformers cannot read it: {(str(error).splitlines() or [type(error).__name__])[0]}") from error


def network(kind: EncoderKind, folder: Path, *, needless: Callable[[Any], tuple[str, ...]]) -> Any:
    """The network in evaluation mode. `needless`: parts of tensors' names without which that network works. Raises InvalidSetting where others are missing."""
    given: dict[str, Any] = {"use_safetensors": True, "output_loading_info": True, **CLOSED}
    model, told = read(kind, folder, lambda found: found.AutoModel.from_pretrained(str(folder), **given))
    if absent := sorted(name for name in told["missing_keys"] if not any(part in name for part in needless(model))):
        raise unusable(kind, folder, f"its weights lack {len(absent)} tensors, {absent[0]} the first")
    return model.eval().requires_grad_(requires_grad=False)
