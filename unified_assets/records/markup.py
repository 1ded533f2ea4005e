"""The text of an XML file in; the rows of its most telling repeated element out. Entities, network and huge trees stay off."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lxml import etree

METADATA = frozenset({"meta", "metadata", "head", "header", "teiheader", "style", "script"})
LEVELS = 3  # how deep below the root repeated elements are looked for


def tree(text: str) -> Any | None:
    """The root element, or None where the text is not XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(text.encode("utf-8").replace(b'encoding="UTF-16"', b"").replace(b"encoding='UTF-16'", b""), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def rows(text: str) -> Iterator[dict[str, Any]]:
    """Attributes and child texts of every element of the repeated kind that holds most words."""
    root = tree(text)
    if root is None:
        return
    kinds: dict[tuple[Any, str], list[Any]] = defaultdict(list)
    level = [root]
    for _ in range(LEVELS):
        level = [child for element in level for child in element if isinstance(child.tag, str)]
        for element in level:
            kinds[element.getparent(), element.tag].append(element)
    repeated = {key: found for key, found in kinds.items() if len(found) >= 2 and any(len(element) or element.attrib for element in found[:5])}
    if not repeated:
        return
    best = max(repeated.values(), key=_words)
    for element in best:
        yield _row(element)


def passages(text: str) -> list[tuple[str, str]]:
    """(name of the element, its own text) in reading order, without metadata elements; the whole as one where it is not XML."""
    root = tree(text)
    if root is None:
        return [("text", " ".join(re.sub(r"<[^<>]{0,2000}>", " ", text).split()))]
    found: list[tuple[str, str]] = []
    waiting: list[Any] = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            found.append(item)
            continue
        if not isinstance(item.tag, str) or local(item.tag).lower() in METADATA:
            continue
        name, inner = local(item.tag), []
        inner.append((name, item.text))
        for child in item:
            inner += [child, (name, child.tail)]
        waiting += reversed(inner)
    return [(name, " ".join(said.split())) for name, said in found if said and said.strip()]


def local(tag: str) -> str:
    """A tag or attribute name without its namespace."""
    return tag.rpartition("}")[2]


def _words(elements: list[Any]) -> int:
    return sum(len((child.text or "").split()) for element in elements for child in element)


def _row(element: Any) -> dict[str, Any]:
    row: dict[str, Any] = {local(str(name)): value for name, value in element.attrib.items()}
    children: dict[str, list[str]] = defaultdict(list)
    for child in element:
        if isinstance(child.tag, str):
            text = " ".join("".join(child.itertext()).split())
            if text:
                children[local(child.tag)].append(text)
    for name, values in children.items():
        row[name if name not in row else f"{name}_text"] = values[0] if len(values) == 1 else values
    if not children and (element.text or "").strip():
        row["text"] = element.text.strip()
    return row
