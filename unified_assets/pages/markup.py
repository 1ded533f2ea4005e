"""Untrusted values in; text that is safe inside HTML or SVG out."""

import html
import math
import unicodedata
from collections.abc import Iterable

# Control and bidirectional-override characters could hide or reorder what a reader sees of a file's name.
_SHOWN_AS_CODE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_JOINERS = "\u200c\u200d"  # format characters that emoji and several scripts need
MISSING = "–"


class Markup(str):
    """Text that is HTML already. Every other string is escaped where it meets a page."""

    __slots__ = ()


def escape(value: object) -> Markup:
    r"""HTML of any value: Markup as it is, all else escaped, invisible characters written as `\u202e`."""
    if isinstance(value, Markup):
        return value
    text = show(value)
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return Markup(html.escape(text, quote=True))


def join(parts: Iterable[object], separator: str = "") -> Markup:
    """The escaped parts one after another."""
    return Markup(separator.join(escape(part) for part in parts))


def show(value: object) -> str:
    """A value as a person reads it: four significant digits, thousands separated, `–` for what was not measured."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _show_float(value)
    return str(value)


def _show_float(value: float) -> str:
    if not math.isfinite(value):
        return MISSING if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def _visible(character: str) -> str:
    if character in "\n\t" or character in _JOINERS or unicodedata.category(character) not in _SHOWN_AS_CODE:
        return character
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
