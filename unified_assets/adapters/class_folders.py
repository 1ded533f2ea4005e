"""Files sorted into folders: the folder's name is the class, at any depth, with or without train/val/test levels."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import class_name, is_structural, parent, side_of_folder
from unified_assets.records.places import ROLE_OF, Place, by_folder, places
from unified_assets.records.prose import body_of

MIN_FILES = 4  # a class
MIN_SHARE = 0.7  # of the files must lie in classes that have so many
ITEM_FILES = 3  # a folder with at most so many files may be one item of the class above it
_SHARD = re.compile(r"^(part|shard|batch|chunk|fold|folder|dir|set|page|disk|disc|session|take|group|vol|volume)s?[-_ ]?\d+$", re.IGNORECASE)


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder whose subfolders are classes of one modality."""
    for modality in ("image", "audio", "video", "document", "text"):
        folders = _with_items(by_folder(places(view.files, modality)))
        siblings: dict[str, dict[str, list[Place]]] = defaultdict(dict)
        for folder, found in folders.items():
            name = folder.rpartition("/")[2]
            if folder and (side_of_folder(name) is not None or not is_structural(name)):  # a side that `places` left in is a class
                siblings[parent(folder)][folder] = found
        for root, classes in sorted(siblings.items()):
            proposal = _proposal(view, root, classes, modality)
            if proposal is not None:
                yield proposal


def _with_items(folders: dict[str, list[Place]]) -> dict[str, list[Place]]:
    """Folders of one item each (`topics/abap/index.md`) count as files of the folder above, where that has none of its own."""
    children: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        children[parent(folder)].append(folder)
    result = dict(folders)
    for folder, found in folders.items():  # `cats/odd/`, two files below a class of forty: they are cats too
        above = parent(folder)
        if above in result and above in folders and parent(above) and len(found) < MIN_FILES <= len(folders[above]) and folder not in children:
            result[above] = [*result[above], *result.pop(folder)]
    for above, inner in children.items():
        small = [folder for folder in inner if len(folders[folder]) <= ITEM_FILES]
        if above and above not in folders and len(inner) >= MIN_FILES and len(small) >= 0.8 * len(inner):
            result[above] = [place for folder in sorted(inner) for place in folders[folder]]
            for folder in inner:
                result.pop(folder, None)
    return result


def _proposal(view: LakeView, root: str, classes: dict[str, list[Place]], modality: str) -> Proposal | None:
    big = {folder: found for folder, found in classes.items() if len(found) >= MIN_FILES}
    total = sum(map(len, classes.values()))
    names = [folder.rpartition("/")[2] for folder in big]
    if len(big) < 2 or sum(map(len, big.values())) < MIN_SHARE * total or all(_SHARD.match(name) for name in names):
        return None
    withheld = ["folder and file name: the folder is the label"]
    if modality == "text":
        withheld.append("front matter: its fields differ from class to class")
    examples = tuple(
        ProposedExample(inputs=(_input(view, place, modality),), target=class_name(folder.rpartition("/")[2]), split=place.split)
        for folder in sorted(big)
        for place in big[folder]
    )
    dropped = sorted(folder.rpartition("/")[2] for folder in set(classes) - set(big))
    left_out = f"; left out, fewer than {MIN_FILES} files: {', '.join(dropped[:8])}" if dropped else ""
    return Proposal(
        root=root,
        form="class_folders" if modality != "text" else "class_folders_of_texts",
        subject="concept" if modality == "text" else modality,
        kind="classification",
        roles=(ROLE_OF[modality],),
        examples=tuple(example for example in examples if modality != "text" or example.inputs[0].text),
        adapter=ADAPTER.name,
        withheld=tuple(withheld),
        why=f"{len(big)} folders below {root or 'the raw root'} hold {len(examples)} files of modality {modality}; the folder's name is the class{left_out}",
    )


def _input(view: LakeView, place: Place, modality: str) -> Input:
    if modality != "text":
        return Input(role=ROLE_OF[modality], path=place.path)
    body, stripped = body_of(view.text(place.path).text)
    return Input(role="text", path=place.path, locator="body" if stripped else None, text=body)


def _write_example(folder: Path) -> None:
    for split in ("train", "test"):
        for name in ("oak", "birch"):
            for number in range(4):
                path = folder / "trees" / split / name / f"{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"Leaf {number} of the {split} side, seen below a tree.\n", encoding="utf-8")


ADAPTER = Adapter(
    name="class_folders",
    description="Folders whose names are the classes of the files in them.",
    propose=propose,
    example=_write_example,
    expected={"trees/train/oak/0.txt": "oak", "trees/test/birch/3.txt": "birch"},
)
