"""A JSON value in; the short names that are members of a list in it out."""

from collections.abc import Iterator, Mapping
from typing import Any

from unified_assets.records.structured import names_file

NAME_LIMIT = 80  # characters of a member
MIN_MEMBERS = 5
_ABOUT = frozenset({"description", "source", "license", "url", "comment", "notes"})


def members_of(value: Any) -> list[str]:
    """The members of all lists in a value, each once, in order; empty where they are not names."""
    found = list(dict.fromkeys(name.strip() for name in _walk(value, 0) if 1 < len(name.strip()) <= NAME_LIMIT))
    return found if len(found) >= MIN_MEMBERS and not _files(found) else []


def lists_of(value: Any) -> dict[str, list[str]]:
    """Key → names, where a value is a dict of at least two plain lists of names."""
    if not isinstance(value, dict):
        return {}
    lists = {key: item for key, item in value.items() if isinstance(item, list) and len(item) >= MIN_MEMBERS and all(isinstance(one, str) for one in item)}
    others = [key for key in value if key not in lists and key.lower() not in _ABOUT]
    return lists if len(lists) >= 2 and not others and not _files([name for item in lists.values() for name in item]) else {}


def _files(names: list[str]) -> bool:
    """Whether these are names of files: a manifest, no list of members."""
    return 2 * sum(map(names_file, names)) > len(names)


def _walk(value: Any, depth: int) -> Iterator[str]:
    if depth > 6:
        return
    if isinstance(value, list):
        yield from _of_list(value, depth)
    elif isinstance(value, dict):
        rest = {key: item for key, item in value.items() if key.lower() not in _ABOUT}
        if len(rest) >= MIN_MEMBERS and all(isinstance(item, dict) for item in rest.values()):
            yield from rest  # {"Anubis": {…}, "Isis": {…}}: the keys are the members
            return
        for item in rest.values():
            if isinstance(item, list | dict):
                yield from _walk(item, depth + 1)


def _of_list(items: list[Any], depth: int) -> Iterator[str]:
    if all(isinstance(item, str) for item in items):
        yield from items
        return
    dicts: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict)]
    nested = [key for key in (dicts[0] if dicts else {}) if all(isinstance(item.get(key), list) for item in dicts)]
    held = {key: [one for item in dicts for one in item[key] if isinstance(one, str)] for key in nested}
    largest = max(held, key=lambda key: len(held[key]), default=None)
    if largest is not None and len(held[largest]) >= 2 * len(dicts):
        yield from held[largest]  # [{"family": …, "members": […]}, …]: the members, not the families
        return
    for item in items:
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict) and len(item) == 1 and isinstance(only := next(iter(item.values())), dict | list):
            if isinstance(only, dict) and not any(isinstance(one, dict | list) for one in only.values()):
                yield next(iter(item))  # {"Boeing": [{"737-100": {"seats": 124}}, …]}: the key of what is told of it
            else:
                yield from _walk(only, depth + 1)
        elif isinstance(item, dict):
            name = item.get("name") or next((one for one in item.values() if isinstance(one, str)), None)
            if isinstance(name, str):
                yield name
            else:
                yield from _walk(item, depth + 1)
        elif isinstance(item, list):
            yield from _walk(item, depth + 1)
