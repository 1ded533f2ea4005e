"""Which objects each image shows in; label spaces that can be learned from it out: the only kind of object, or whether a kind is there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unified_assets.core.contracts import Input, Proposal, ProposedExample
from unified_assets.records.names import declared_split, nested, split_of_value, stem

MIN_IMAGES = 12
MIN_SHARE = 0.15  # of the images must lie on the rarer side, else presence is a constant
ALONE = 0.9  # of the images show one kind of object only: then it is the class


@dataclass(frozen=True)
class Shown:
    """One annotated image."""

    image: str
    source: str
    objects: Counter[str]


def proposals_of(found: Sequence[Shown], *, root: str, prefix: str, adapter: str) -> Iterator[Proposal]:
    """One label space of classes where images show one kind each, else one presence task for each kind that some show and some do not."""
    if len(found) < MIN_IMAGES:
        return
    single = [(shown, next(iter(shown.objects))) for shown in found if len(shown.objects) == 1]
    kinds = sorted({kind for shown in found for kind in shown.objects if kind})
    if len(single) >= ALONE * len(found) and len({kind for _, kind in single}) >= 2:
        yield _proposal(f"{prefix}_class", single, root, adapter, f"{len(single)} of {len(found)} annotated images show one kind of object; it is the class")
        return
    for kind in kinds:
        labelled = [(shown, "yes" if shown.objects[kind] else "no") for shown in found]
        present = sum(label == "yes" for _, label in labelled)
        if MIN_SHARE * len(found) <= present <= (1 - MIN_SHARE) * len(found):
            yield _proposal(f"{prefix}_has_{kind}", labelled, root, adapter, f"{present} of {len(found)} annotated images show at least one {kind}")


def _proposal(form: str, labelled: Sequence[tuple[Shown, str]], root: str, adapter: str, why: str) -> Proposal:
    return Proposal(
        root=root,
        form=form,
        subject="image",
        kind="classification",
        roles=("image",),
        examples=tuple(ProposedExample(inputs=(Input(role="image", path=shown.image),), target=label, split=_split(shown)) for shown, label in labelled),
        adapter=adapter,
        label_sources=tuple(sorted({shown.source for shown, _ in labelled})),
        withheld=("boxes and counts: they hold the label",),
        why=f"{why}; boxes are not learned yet",
    )


def _split(shown: Shown) -> str | None:
    """By the image's folders, else by those and the name of the file that annotates it: `instances_val.json`."""
    return declared_split(shown.image) or nested(declared_split(shown.source), split_of_value(stem(shown.source)))
