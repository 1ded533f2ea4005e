"""An XML file or flat records in; named entries, each with the entries that it is said to be a kind of, out."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from unified_assets.core.contracts import Records
from unified_assets.records.markup import local, tree
from unified_assets.records.structured import as_list_of_texts
from unified_assets.records.vocabulary import INPUT_NAMES, normal

IS_A = frozenset({"hypernym", "hypernyms", "is_a", "isa", "broader", "subclass_of", "superclass", "parent", "parents", "parent_id"})
RELATION_MARK = re.compile(r"hypernym|is_?a\b|broader|sub_?class_?of|super_?class|parent", re.IGNORECASE)
_RELATION = frozenset({"reltype", "rel", "relation", "type"})
_TARGET = frozenset({"target", "ref", "resource", "href", "to", "about"})
_NAME = ("name", "label", "term", "lemma", "preflabel", "title", "writtenform", "word")
_ID = ("id", "key", "code", "uid", "identifier", "qid")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry: its id, the names it goes by, its definition, and the ids of what it is a kind of."""

    key: str
    path: str
    place: int
    names: tuple[str, ...]
    definition: str
    kinds: tuple[str, ...]


def entries_of_markup(path: str, text: str) -> list[Entry]:
    """Elements with an id, relations as child elements (`<SynsetRelation relType="hypernym" target="…"/>`); names may stand elsewhere."""
    root = tree(text)
    if root is None:
        return []
    names: dict[str, list[str]] = defaultdict(list)
    found: list[tuple[str, Any]] = []
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        key = _attribute(element, _ID)
        if key is not None and any(_is_relation(child) for child in element):
            found.append((key, element))
        for name, keys in _written(element):
            for other in keys:
                names[other].append(name)
    entries = []
    for place, (key, element) in enumerate(found):
        own = [name for name in (_attribute(element, _NAME), _child(element, _NAME)) if name]
        kinds = [target for child in element if _is_relation(child) and (target := _attribute(child, _TARGET))]
        definition = _child(element, ("definition", "gloss", "description", "comment")) or ""
        entries.append(Entry(key=key, path=path, place=place, names=_once([*own, *names[key]]), definition=definition, kinds=_once(kinds)))
    named = {entry.key for entry in entries}
    extra = [Entry(key=key, path=path, place=-1, names=_once(found_names), definition="", kinds=()) for key, found_names in names.items() if key not in named]
    return [*entries, *extra]


def entries_of_records(records: Records) -> list[Entry]:
    """Rows with an id or a name, and a field that names others: `id, name, definition, parent_id`."""
    by_name = {normal(name): name for name in records.fields}
    kind = next((by_name[name] for name in sorted(IS_A) if name in by_name), None)
    name = next((by_name[one] for one in _NAME if one in by_name), None)
    key = next((by_name[one] for one in _ID if one in by_name), name)
    gloss = next((by_name[one] for one in by_name if INPUT_NAMES.get(one) in {"definition", "text"} and by_name[one] != name), None)
    if kind is None or name is None or key is None:
        return []
    return [
        Entry(
            key=row.get(key, "").strip(),
            path=records.path,
            place=place,
            names=_once([row.get(name, "").strip()]),
            definition=row.get(gloss, "").strip() if gloss else "",
            kinds=_once([value.strip() for value in as_list_of_texts(row.get(kind, ""))]),
        )
        for place, row in enumerate(records.rows)
        if row.get(key, "").strip()
    ]


def _is_relation(element: Any) -> bool:
    if not isinstance(element.tag, str):
        return False
    said = [value for name, value in element.attrib.items() if local(str(name)).lower() in _RELATION] or [local(element.tag)]
    return any(normal(value) in IS_A for value in said) and _attribute(element, _TARGET) is not None


def _written(element: Any) -> Iterator[tuple[str, list[str]]]:
    """A lexical entry: a word, and the entries it is a name of (WN-LMF: `Lemma/@writtenForm`, `Sense/@synset`)."""
    senses = [child.get("synset") for child in element if isinstance(child.tag, str) and child.get("synset")]
    word = next((child.get("writtenForm") for child in element if isinstance(child.tag, str) and child.get("writtenForm")), None)
    if senses and word:
        yield word, senses


def _attribute(element: Any, names: Any) -> str | None:
    return next((str(value) for name, value in element.attrib.items() if local(str(name)).lower() in names and str(value).strip()), None)


def _child(element: Any, names: tuple[str, ...]) -> str | None:
    for child in element:
        if isinstance(child.tag, str) and local(child.tag).lower() in names:
            text = " ".join("".join(child.itertext()).split())
            if text:
                return text
    return None


def _once(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
