"""The text of an XML file in; the rows of its most telling repeated element out. Entities, network and huge trees stay off."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lxml import etree

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
