"""Markdown with YAML front matter: a field of it is the label of the text below."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import common_root, declared_split, nested, parent, split_of_value, without_splits
from unified_assets.records.prose import body_of, front_matter
from unified_assets.records.vocabulary import GROUP_NAMES, SPLIT_NAMES, TARGET_NAMES, normal

MIN_FILES = 16
AGREEMENT = 0.8  # of the files of one place have the field
MAX_LABEL = 60  # characters
NO_LABELS = frozenset({"value", "result", "output", "y", "group"})  # of records, not of pages
MATTER_LIMIT = 20_000  # characters; longer front matter is not read

Page = tuple[str, dict[str, str], str]  # path, front matter, body


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each place whose pages have a field of few, repeated values under a usual name for labels."""
    places: dict[str, list[Page]] = defaultdict(list)
    for path in view.files.filter(pl.col("modality") == "text")["path"].sort():
        if path.lower().endswith((".md", ".markdown", ".txt")):
            text = view.text(path).text
            fields = _fields(front_matter(text)) if text.lstrip("\ufeff").startswith("---") else {}
            if fields:
                places[_place(path)].append((path, fields, body_of(text)[0]))
    for pages in places.values():
        field = _label(pages) if len(pages) >= MIN_FILES else None
        if field is not None:
            yield _proposal(field, pages)


def _place(path: str) -> str:
    """The folder of a page without split levels; of `a/<item>/index.md`, the folder above."""
    folder = without_splits(parent(path))
    return parent(folder) if path.rpartition("/")[2].lower().startswith(("index.", "readme.")) else folder


def _fields(text: str) -> dict[str, str]:
    if not text or len(text) > MATTER_LIMIT or "&" in text or "*" in text:  # anchors and aliases could grow without bound
        return {}
    try:
        value: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return {normal(str(key)): str(item).strip() for key, item in value.items() if isinstance(item, str | int | bool)} if isinstance(value, dict) else {}


def _label(pages: list[Page]) -> str | None:
    for name in TARGET_NAMES:
        values = [fields[name] for _, fields, _ in pages if fields.get(name)]
        counts = Counter(values)
        few = 2 <= len(counts) <= len(values) // 4 and max(map(len, counts), default=0) <= MAX_LABEL
        if name not in NO_LABELS and len(values) >= AGREEMENT * len(pages) and few:
            return name
    return None


def _proposal(field: str, pages: list[Page]) -> Proposal:
    labelled = [page for page in pages if page[1].get(field) and page[2]]
    split = next((name for name in sorted(SPLIT_NAMES) if all(split_of_value(fields.get(name, "")) for _, fields, _ in labelled)), "")
    group = next((name for name in sorted(GROUP_NAMES) if name != field and all(fields.get(name) for _, fields, _ in labelled)), "")
    others = sorted({name for _, fields, _ in labelled for name in fields} - {field, split, group})
    return Proposal(
        root=common_root([_place(path) for path, _, _ in labelled]),
        form=f"front_matter_{field}",
        subject="concept",
        kind="classification",
        roles=("text",),
        examples=tuple(
            ProposedExample(
                inputs=(Input(role="text", path=path, locator="body", text=body),),
                target=fields[field],
                split=nested(declared_split(path), split_of_value(fields.get(split, ""))),
                group=fields.get(group) if group else None,
            )
            for path, fields, body in labelled
        ),
        adapter=ADAPTER.name,
        withheld=("front matter: it holds the label", *(f"{name}: stands beside the label" for name in others)),
        why=f"{len(labelled)} of {len(pages)} pages with front matter have a {field}, {len({fields[field] for _, fields, _ in labelled})} values",
    )


def _write_example(folder: Path) -> None:
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    for number in range(20):
        label = "recipe" if number % 2 else "travel"
        (folder / "pages" / f"p{number}.md").write_text(f"---\ntitle: Page {number}\ncategory: {label}\n---\nSome {label} words, {number}.\n", encoding="utf-8")


ADAPTER = Adapter(
    name="front_matter",
    description="Markdown pages whose front matter holds the label.",
    propose=propose,
    example=_write_example,
    expected={"pages/p0.md#body": "travel", "pages/p1.md#body": "recipe"},
)
