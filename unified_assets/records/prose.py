"""The text of a prose file in; what of it is input out."""

import re

PROSE_LIMIT = 8_000  # characters of one text
SEEN = 100_000  # characters in which front matter may end
_FRONT_MATTER = re.compile(r"\A---\s*\n.*?\n---\s*(?:\n|\Z)", re.DOTALL)


def body_of(text: str) -> tuple[str, bool]:
    """(the text without YAML front matter, cut at a stated length; whether front matter was taken off)."""
    text = text[:SEEN].lstrip("\ufeff")
    match = _FRONT_MATTER.match(text)
    body = text[match.end() :] if match else text
    return body.strip()[:PROSE_LIMIT], match is not None


def front_matter(text: str) -> str:
    """The YAML between the two lines of dashes at the start of a page; "" where there is none."""
    match = _FRONT_MATTER.match(text[:SEEN].lstrip("\ufeff"))
    return match.group().strip().strip("-").strip() if match else ""
