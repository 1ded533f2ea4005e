"""A json or txt file with the stem of a media file, in its folder or one beside it, says what that file shows."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import declared_split, parent, stem, without_splits
from unified_assets.records.parsing import json_value
from unified_assets.records.places import MEDIA, ROLE_OF
from unified_assets.records.structured import as_text
from unified_assets.records.vocabulary import GROUP_NAMES, TARGET_NAMES, normal

MIN_FILES = 8
MAX_LABEL = 60  # characters
Labelled = tuple[str, str, str, str | None]  # media path, sidecar path, label, group


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder of media files whose sidecars hold few, repeated labels."""
    texts = _sidecars(view)
    for modality in MEDIA:
        folders: dict[str, list[Labelled]] = defaultdict(list)
        for path in view.files.filter(pl.col("modality") == modality)["path"].sort():
            folder, name = parent(path), stem(path)
            sidecar = texts.get((folder, name)) or texts.get((parent(folder), name) if folder else ("", ""))
            found = None if sidecar is None else _label(view, sidecar)
            if sidecar is not None and found is not None:
                folders[folder].append((path, sidecar, *found))
        for root, labelled in sorted(_by_parent(folders).items()):
            if _fits([label for _, _, label, _ in labelled]):
                yield _proposal(root, labelled, modality)


def _sidecars(view: LakeView) -> dict[tuple[str, str], str]:
    """(folder or its parent, stem) → json or txt file."""
    found: dict[tuple[str, str], str] = {}
    for path in view.files.filter(pl.col("modality") == "text")["path"].sort():
        if path.lower().endswith((".json", ".txt")):
            found.setdefault((parent(path), stem(path)), path)
            if parent(path):
                found.setdefault((parent(parent(path)), stem(path)), path)
    return found


def _label(view: LakeView, sidecar: str) -> tuple[str, str | None] | None:
    """(label, group) of a sidecar, or None."""
    text = view.text(sidecar).text.strip()
    if sidecar.lower().endswith(".txt"):
        return (text, None) if 0 < len(text) <= MAX_LABEL and "\n" not in text and len(text.split()) <= 3 else None
    value = json_value(text) if len(text) < 1_000_000 else None
    if not isinstance(value, dict):
        return None
    fields = {normal(key): as_text(item).strip() for key, item in value.items() if not isinstance(item, dict | list)}
    label = next((fields[name] for name in TARGET_NAMES if fields.get(name)), None)
    group = next((fields[name] for name in sorted(GROUP_NAMES) if name in fields and fields[name] != label), None)
    return None if label is None or len(label) > MAX_LABEL else (label, group or None)


def _by_parent(folders: dict[str, list[Labelled]]) -> dict[str, list[Labelled]]:
    """Folders that differ in split levels only are one; other folders stand for themselves."""
    joined: dict[str, list[Labelled]] = defaultdict(list)
    for folder, labelled in folders.items():
        joined[without_splits(folder)] += labelled
    return joined


def _fits(labels: list[str]) -> bool:
    return len(labels) >= MIN_FILES and 2 <= len(set(labels)) <= len(labels) // 3


def _proposal(root: str, labelled: list[Labelled], modality: str) -> Proposal:
    return Proposal(
        root=root,
        form=f"sidecars_{modality}",
        subject=modality,
        kind="classification",
        roles=(ROLE_OF[modality],),
        examples=tuple(
            ProposedExample(inputs=(Input(role=ROLE_OF[modality], path=path),), target=label, split=declared_split(path), group=group)
            for path, _, label, group in labelled
        ),
        adapter=ADAPTER.name,
        label_sources=tuple(sorted({sidecar for _, sidecar, _, _ in labelled})),
        withheld=("sidecar: it holds the label",),
        why=f"{len(labelled)} files of modality {modality} have a json or txt file of the same stem with a label",
    )


def _write_example(folder: Path) -> None:
    from PIL import Image

    (folder / "shots").mkdir(parents=True, exist_ok=True)
    for number in range(10):
        Image.new("RGB", (16, 16), (number * 20, 40, 90)).save(folder / "shots" / f"s{number}.png")
        (folder / "shots" / f"s{number}.json").write_text('{"label": "%s"}' % ("even" if number % 2 == 0 else "odd"), encoding="utf-8")


ADAPTER = Adapter(
    name="sidecars",
    description="A json or txt file of the same stem holds the label.",
    propose=propose,
    example=_write_example,
    expected={"shots/s0.png": "even", "shots/s7.png": "odd"},
)
