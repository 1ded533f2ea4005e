"""Texts of one folder whose names tell their class: `spam_0012.txt`, `review-17-neg.txt`, or a number and a short code, `hr1017_RH.xml`."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.lines import parse_lines
from unified_assets.records.markup import passages
from unified_assets.records.names import declared_split, extension, parent, stem, without_splits
from unified_assets.records.naming import MIN_FILES, Naming, code_at_end, from_end, from_front
from unified_assets.records.places import is_prose, is_sidecar, sidecar_stems
from unified_assets.records.prose import PROSE_LIMIT, body_of

MARKUP = frozenset({"xml", "xhtml", "html", "htm"})
TELLING = 0.5  # of the files that have a part of this name, it holds the label as a word
_WORD = re.compile(r"[^\W\d_]+")

Parts = list[tuple[str, str]]  # (name of the part, its text)


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder and kind of text whose names follow one pattern with classes in it."""
    stems = sidecar_stems(view)
    folders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, media_type in view.files.filter(pl.col("modality") == "text").select("path", "media_type").sort("path").iter_rows():
        ending = extension(path)
        if (ending in MARKUP or is_prose(path, media_type)) and not is_sidecar(path, stems):
            folders[without_splits(parent(path)), "markup" if ending in MARKUP else "prose"].append(path)
    for (folder, kind), paths in sorted(folders.items()):
        names = [stem(path) for path in paths]
        naming = _naming(names)
        if naming is not None:
            chosen = [paths[place] for place in naming.members]
            proposal = _proposal(view, folder, chosen, naming, markup=kind == "markup")
            if proposal is not None:
                yield proposal


def _naming(names: list[str]) -> Naming | None:
    """Letters only: a number in the name of a text counts chapters, pages or days."""
    found = from_front(names) if len(names) >= MIN_FILES else None
    if found is not None and not found.label_of(names[found.members[0]]).isalpha():
        found = None
    return found or from_end(names) or code_at_end(names)


def _proposal(view: LakeView, folder: str, paths: list[str], naming: Naming, *, markup: bool) -> Proposal | None:
    labels = {path: naming.label_of(stem(path)).lower() for path in paths}
    parts = {path: passages(view.text(path).text) if markup else _lines(view.text(path).text) for path in paths}
    records = sum(not markup and parse_lines(path, view.text(path).text) is not None for path in paths)
    if 2 * records > len(paths):  # tables, each of its own name
        return None
    barred = _telling(parts, labels) if markup else frozenset[str]()
    examples = tuple(
        ProposedExample(
            inputs=(Input(role="text", path=path, locator="body", text=text),),
            target=labels[path],
            split=declared_split(path),
            group=None,
        )
        for path in paths
        if (text := " ".join(text for name, text in parts[path] if name not in barred)[:PROSE_LIMIT].strip())
    )
    place = f"field {naming.label + 1}" if naming.label >= 0 else f"field {-naming.label} from the end"
    return Proposal(
        root=folder,
        form=f"text_names_{'markup' if markup else 'prose'}",
        subject="concept",
        kind="classification",
        roles=("text",),
        examples=examples,
        adapter=ADAPTER.name,
        withheld=(
            "file name: it is the label",
            *(("metadata elements: about the file, not of it",) if markup else ()),
            *(f"{name}: names the class in most files" for name in sorted(barred)),
        ),
        why=f"{len(paths)} names of texts follow one pattern in which {place} has {len(set(labels.values()))} values",
    )


def _lines(text: str) -> Parts:
    return [("text", body_of(text)[0])]


def _telling(parts: dict[str, Parts], labels: dict[str, str]) -> frozenset[str]:
    """Names of parts that hold the label of their file as a word, in most files that have such a part and in a quarter of all."""
    has: Counter[str] = Counter()
    tells: Counter[str] = Counter()
    for path, found in parts.items():
        said: dict[str, set[str]] = defaultdict(set)
        for name, text in found:
            said[name] |= set(_WORD.findall(text.lower()))
        has.update(said.keys())
        tells.update(name for name, words in said.items() if labels[path] in words)
    return frozenset(name for name, count in tells.items() if count >= TELLING * has[name] and 4 * count >= len(parts))


def _write_example(folder: Path) -> None:
    (folder / "mail").mkdir(parents=True, exist_ok=True)
    for number in range(20):
        kind = "spam" if number % 2 else "ham"
        (folder / "mail" / f"{kind}_{number:04d}.txt").write_text(f"Letter {number}: {'buy now' if number % 2 else 'see you soon'}.\n", encoding="utf-8")


ADAPTER = Adapter(
    name="text_names",
    description="A field of the names of texts is their class.",
    propose=propose,
    example=_write_example,
    expected={"mail/ham_0000.txt#body": "ham", "mail/spam_0001.txt#body": "spam"},
)
