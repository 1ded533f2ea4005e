"""Usable files in; unlabelled files that occur together (same stem across modalities, frames and sound of a video) as pairs out."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import combinations

import polars as pl

from unified_assets.allocation.proposing import Found
from unified_assets.allocation.view import Lake
from unified_assets.core.contracts import Input, Proposal, ProposedExample
from unified_assets.records.names import parent, stem
from unified_assets.records.places import Place, places
from unified_assets.records.prose import body_of

MIN_MATCHES = 4  # of two folders, or of two modalities in one folder
MIN_SHARE = 0.5  # of the smaller side's files have a partner
MODALITIES = ("image", "audio", "text")


def pairs_of(view: Lake, label_sources: Collection[str]) -> list[Found]:
    """Pairs as proposals of kind `pair`, without a target."""
    found = [*_same_stem(view, label_sources), *_videos(view.files)]
    return [Found(f"pairs__{proposal.form}", proposal) for proposal in found]


def _same_stem(view: Lake, label_sources: Collection[str]) -> Iterator[Proposal]:
    media = [place for modality in MODALITIES for place in places(view.files, modality) if place.path not in label_sources]
    folders: dict[tuple[str, str], dict[str, Place]] = defaultdict(dict)
    for place in media:
        folders[place.modality, parent(place.path)].setdefault(stem(place.path), place)
    beside: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for modality, folder in folders:
        beside[folder].append((modality, folder))
        if folder:
            beside[parent(folder)].append((modality, folder))
    done: set[tuple[tuple[str, str], tuple[str, str]]] = set()
    for near in beside.values():
        for one, other in combinations(sorted(near, key=lambda key: (MODALITIES.index(key[0]), key[1])), 2):
            if one[0] != other[0] and (one, other) not in done:
                done.add((one, other))
                proposal = _proposal(view, folders[one], folders[other], one, other)
                if proposal is not None:
                    yield proposal


def _proposal(view: Lake, mine: dict[str, Place], theirs: dict[str, Place], one: tuple[str, str], other: tuple[str, str]) -> Proposal | None:
    shared = sorted(mine.keys() & theirs.keys())
    if len(shared) < MIN_MATCHES or len(shared) < MIN_SHARE * min(len(mine), len(theirs)):
        return None
    both = [((_input(view, mine[name]), _input(view, theirs[name])), mine[name].split) for name in shared]
    examples = tuple(
        ProposedExample(inputs=inputs, target="", split=split) for inputs, split in both if all(value.text is None or value.text for value in inputs)
    )
    return Proposal(
        root=parent(one[1]),
        form=f"{one[0]}_{other[0]}",
        subject="pair",
        kind="pair",
        roles=(one[0], other[0]),
        examples=examples,
        adapter="same_stem",
        why=f"{len(examples)} files of {one[1] or 'the raw root'} and {other[1] or 'the raw root'} share their stems",
    )


def _input(view: Lake, place: Place) -> Input:
    if place.modality != "text":
        return Input(role=place.modality, path=place.path)
    body, stripped = body_of(view.text(place.path).text)
    return Input(role="text", path=place.path, locator="body" if stripped else None, text=body)


def _videos(files: pl.DataFrame) -> Iterator[Proposal]:
    paths = files.filter((pl.col("modality") == "video") & (pl.col("channels").fill_null(0) > 0))["path"].sort().to_list()
    if paths:
        yield Proposal(
            root="",
            form="video_sound",
            subject="pair",
            kind="pair",
            roles=("video", "audio"),
            examples=tuple(ProposedExample(inputs=(Input(role="video", path=path), Input(role="audio", path=path)), target="") for path in paths),
            adapter="video_sound",
            why=f"{len(paths)} videos have sound: frames and sound belong together",
        )
