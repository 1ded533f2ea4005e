"""A lake view and adapters in; the label spaces that stand side by side out, each once."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
import xxhash

from unified_assets.allocation.overrides import Overrides, TaskOverride
from unified_assets.allocation.view import Lake
from unified_assets.core.contracts import Adapter, Input, Proposal, ProposedExample
from unified_assets.records.names import nested
from unified_assets.records.naming import named_sides
from unified_assets.records.places import MEDIA
from unified_assets.records.side_lists import listed_sides

ORDER = (  # from what is written down to what is guessed
    "manifests",
    "coco_json",
    "yolo_txt",
    "sidecars",
    "voc_sidecars",
    "class_folders",
    "file_names",
    "document_kinds",
)
IMPLICIT = frozenset({"class_folders", "file_names", "document_kinds"})
MEDIA_ROLES = frozenset({"image", "audio", "video", "page"})
OVERLAP = 0.5
NO_TEXT = "no_text_layer"  # the check of quality that says so
SEEN = 200  # examples of a task that are looked at for a side in their files' names
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
ID_LIMIT = 96


Earlier = Callable[[Mapping[str, Proposal]], Mapping[str, str]]


def _none_earlier(_found: Mapping[str, Proposal]) -> Mapping[str, str]:
    """Nothing was allocated before."""
    return {}


@dataclass(frozen=True)
class Found:
    """A proposal under its id, and why others gave way to it."""

    task: str
    proposal: Proposal


def collect(
    view: Lake, adapters: Mapping[str, Adapter], overrides: Overrides, log: Callable[[str], None], earlier: Earlier = _none_earlier
) -> tuple[list[Found], list[str]]:
    """(label spaces in order of their id, notes on what was not used and why). `earlier`: those found, by id → new id → the id of before."""
    proposals: list[Proposal] = []
    notes: list[str] = []
    for name, adapter in adapters.items():
        try:
            proposals += [proposal for proposal in adapter.propose(view) if proposal.examples]
        except Exception as error:  # noqa: BLE001  one adapter's failure on hostile files must not cost the others' tasks; it is logged and noted
            notes.append(f"adapter {name} failed: {type(error).__name__}: {error}")
            log(notes[-1])
    sided = named_sides(view.files.filter(pl.col("modality").is_in(MEDIA))["path"]) | listed_sides(view)
    kept = [_with_named_sides(proposal, sided) for proposal in _without_weaker(proposals, notes)]
    kept = [_as_told(proposal, overrides) for proposal in kept]
    documents = frozenset(view.files.filter((pl.col("modality") == "document") & ~pl.col("issue_names").fill_null("").str.contains(NO_TEXT))["path"])
    kept += [twin for proposal in kept if (twin := _text_twin(proposal, documents)) is not None]
    return _named(kept, overrides, notes, earlier), notes


def _with_named_sides(proposal: Proposal, sided: Mapping[str, str]) -> Proposal:
    """The proposal with the sides that the names of its media files declare, inside those that folders and columns do."""
    if not any(value.path in sided for example in proposal.examples[:SEEN] for value in example.inputs):
        return proposal
    return replace(proposal, examples=tuple(replace(example, split=nested(example.split, *_sides(example, sided))) for example in proposal.examples))


def _sides(example: ProposedExample, sided: Mapping[str, str]) -> list[str]:
    return [sided[value.path] for value in example.inputs if value.path in sided and value.text is None][:1]


def _as_told(proposal: Proposal, overrides: Overrides) -> Proposal:
    """The proposal with the sides and groups that `unified.yaml` gives its files."""
    if not (overrides.split or overrides.group):
        return proposal
    examples = []
    for example in proposal.examples:
        paths = dict.fromkeys(value.path for value in example.inputs)
        side = next((side for path in paths if (side := overrides.side(path))), None)
        group = next((group for path in paths if (group := overrides.group_of(path))), None)
        examples.append(replace(example, split=side or example.split, group=group or example.group))
    if overrides.split and any(overrides.side(value.path) for example in proposal.examples for value in example.inputs):
        examples = [replace(example, split=example.split or "train") for example in examples]
    return replace(proposal, examples=tuple(examples))


def task_id(root: str, form: str) -> str:
    """A stable id of letters, digits, `_` and `-`: source root and label form; names beyond ASCII are told apart by a hash."""
    whole = unicodedata.normalize("NFC", f"{root}__{form}" if root else form)
    slug = _UNSAFE.sub("_", whole.replace("/", "__")).strip("_")
    if len(slug) > ID_LIMIT or not whole.isascii():
        slug = f"{slug[: ID_LIMIT - 9].rstrip('_')}_{xxhash.xxh32(whole.encode('utf-8', 'surrogatepass')).hexdigest()}".lstrip("_")
    return slug


def _named(proposals: Sequence[Proposal], overrides: Overrides, notes: list[str], earlier: Earlier) -> list[Found]:
    found: dict[str, Found] = {}
    given = {task_id(proposal.root, proposal.form): proposal for proposal in proposals}
    aliases = {name: change.name for name, change in overrides.tasks.items() if change.name is not None}
    before = earlier({aliases.get(name, name): proposal for name, proposal in given.items()})
    told: dict[str, TaskOverride] = {}
    for proposal in sorted(proposals, key=lambda item: (item.root, item.form, item.adapter)):
        own = task_id(proposal.root, proposal.form)
        name = before.get(own, own)
        known = next((key for key in (own, name) if key in overrides.tasks), None)
        change = None if known is None else overrides.tasks[known]
        if known is not None and change is not None:
            told[known] = change
        if name != own:
            notes.append(f"{own} goes on as {name}: most of what that task was learned from lies there now")
        if change is not None and change.ignore:
            notes.append(f"{name}: ignored by unified.yaml")
            continue
        if change is not None:
            mapped = {**proposal.class_map, **change.class_map}
            proposal = replace(proposal, subject=change.subject or proposal.subject, class_map=mapped)  # noqa: PLW2901  the override's version of it
            name = change.name or name
            targets = {example.target for example in proposal.examples}
            notes += [f"{name}: unified.yaml maps the class {wanted}, which was not found" for wanted in change.class_map if wanted not in targets]
        if name in found:
            name = f"{name[:ID_LIMIT]}_{xxhash.xxh32(f'{proposal.root}/{proposal.form}/{proposal.adapter}'.encode('utf-8', 'surrogatepass')).hexdigest()}"
        found[name] = Found(name, proposal)
    notes += [f"unified.yaml names the task {name}, which was not found" for name in overrides.tasks if name not in told]
    return [found[name] for name in sorted(found)]


def _without_weaker(proposals: list[Proposal], notes: list[str]) -> list[Proposal]:
    """Where two forms label the same files, what is written down beats what is guessed; equal labels are kept once."""
    ranked = sorted(proposals, key=lambda item: ORDER.index(item.adapter) if item.adapter in ORDER else -1)
    kept: list[tuple[Proposal, dict[str, str]]] = []
    for proposal in ranked:
        labels = _labels(proposal)
        reason = next((why for other, theirs in kept if labels and (why := _weaker(proposal, labels, other, theirs))), None)
        if reason is None:
            kept.append((proposal, labels))
        else:
            notes.append(f"{task_id(proposal.root, proposal.form)} ({len(proposal.examples)} files): {reason}")
    return [proposal for proposal, _ in kept]


def _labels(proposal: Proposal) -> dict[str, str]:
    return {value.path: example.target for example in proposal.examples for value in example.inputs if value.role in MEDIA_ROLES}


def _weaker(proposal: Proposal, labels: dict[str, str], other: Proposal, theirs: dict[str, str]) -> str | None:
    shared = labels.keys() & theirs.keys()
    if other.adapter not in ORDER or len(shared) < OVERLAP * len(labels):
        return None
    name = task_id(other.root, other.form)
    pairs = {(labels[path], theirs[path]) for path in shared}
    if len({mine for mine, _ in pairs}) == len(pairs) == len({their for _, their in pairs}):
        return f"says the same as {name}"
    numbers = all(label.isdigit() for label in set(labels.values()))
    if proposal.adapter == "file_names" or (proposal.adapter in IMPLICIT and numbers and other.adapter not in IMPLICIT):
        return f"{name} labels these files otherwise and is written down"
    return None


def _text_twin(proposal: Proposal, documents: frozenset[str]) -> Proposal | None:
    """Classes of documents are classes of their texts too, where they have any."""
    if proposal.subject != "document" or proposal.kind != "classification":
        return None
    examples = tuple(
        replace(example, inputs=tuple(Input(role="text", path=value.path) for value in example.inputs if value.role == "page"))
        for example in proposal.examples
        if all(value.path in documents for value in example.inputs)
    )
    return replace(proposal, subject="concept", form=f"{proposal.form}_text", roles=("text",), examples=examples, why=f"{proposal.why}; read via document.text")
