"""Values in; one HTML file that needs nothing but itself out.

Whatever is not Markup is escaped, so a file's name or a label can be passed as it is. The page forbids scripts and
every request (Content-Security-Policy), so even a mistake here could not run or fetch anything.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from unified_assets.pages.markup import Markup, escape, join, show
from unified_assets.pages.pictures import spectrogram, thumbnail, waveform
from unified_assets.pages.plots import COLOURS, bars, histogram, lines
from unified_assets.pages.style import STYLE

__all__ = [
    "COLOURS",
    "Markup",
    "bars",
    "details",
    "escape",
    "facts",
    "figure",
    "filtered",
    "gallery",
    "histogram",
    "join",
    "lines",
    "link",
    "note",
    "page",
    "pairs",
    "paragraph",
    "picture",
    "quote",
    "section",
    "show",
    "spectrogram",
    "table",
    "thumbnail",
    "tone",
    "waveform",
]

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SAFE_LINK = re.compile(r"(?:https?://|#|\.{0,2}/|[\w.-]+(?:/|$))", re.ASCII)


def page(title: str, *sections: object) -> str:
    """A whole document. Sections made by `section` are listed at its top."""
    body = join(sections, "\n")
    found = re.findall(r'<section id="([\w-]+)"><h2>(.*?)</h2>', body)
    contents = join(Markup(f'<a href="#{anchor}">{heading}</a>') for anchor, heading in found)
    navigation = f"<nav>{contents}</nav>" if len(found) > 1 else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>{navigation}\n{body}\n</body></html>\n"
    )


def section(heading: str, *parts: object) -> Markup:
    """A part of the page under a heading, with an anchor made of the heading's words."""
    anchor = re.sub(r"\W+", "-", heading.lower()).strip("-") or "section"
    return Markup(f'<section id="{anchor}"><h2>{escape(heading)}</h2>\n{join(parts, chr(10))}</section>')


def paragraph(*parts: object) -> Markup:
    """One paragraph of the parts."""
    return Markup(f"<p>{join(parts)}</p>")


def note(text: object, kind: str = "warn") -> Markup:
    """A set-off remark; `kind` is good, warn or bad."""
    return Markup(f'<div class="note {escape(kind)}">{escape(text)}</div>')


def tone(text: object, kind: str) -> Markup:
    """Words in the colour of good, warn or bad; the words must say it as well."""
    return Markup(f'<span class="{escape(kind)}">{escape(text)}</span>')


def link(text: object, target: str) -> Markup:
    """A link to http(s), an anchor or a relative path; any other target leaves plain text."""
    if not _SAFE_LINK.match(target):
        return escape(text)
    return Markup(f'<a href="{escape(target)}" rel="noreferrer">{escape(text)}</a>')


def facts(values: Mapping[str, object]) -> Markup:
    """A row of tiles, each a name over a value."""
    tiles = join(Markup(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>") for name, value in values.items())
    return Markup(f'<dl class="facts">{tiles}</dl>')


def table(rows: Iterable[Mapping[str, object]], columns: Sequence[str] | Mapping[str, str] | None = None, *, caption: str = "") -> Markup:
    """A table. `columns` are the keys to show, in order, or key → heading; by default those of the first row.

    Numbers stand right; what was not measured (None) shows as `–`.
    """
    listed = list(rows)
    if columns is None:
        columns = tuple(listed[0]) if listed else ()
    headings = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    numeric = {key: _is_numeric([row.get(key) for row in listed]) for key in headings}
    head = join(Markup(f"<th{_right(numeric[key])}>{escape(heading)}</th>") for key, heading in headings.items())
    body = join(Markup("<tr>" + join(Markup(f"<td{_right(numeric[key])}>{_cell(row.get(key))}</td>") for key in headings) + "</tr>") for row in listed)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return Markup(f'<div class="scroll"><table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def filtered(rows: Iterable[Mapping[str, object]], columns: Mapping[str, str], by: Sequence[str]) -> Markup:
    """A table with a row of choices for each field of `by`, which hide the other rows by style sheet alone.

    A field may hold a list: its row shows under each of its values.
    """
    listed = list(rows)
    choices, styles = [], []
    for field in by:
        values = sorted({value for row in listed for value in _values(row[field])})
        buttons = [Markup(f'<input type="radio" name="{escape(field)}" id="{_token(field)}-all" checked><label for="{_token(field)}-all">all</label>')]
        for value in values:
            mark = f"{_token(field)}-{_token(value)}"
            buttons.append(Markup(f'<input type="radio" name="{escape(field)}" id="{mark}"><label for="{mark}">{escape(value)}</label>'))
            styles.append(f".filtered:has(#{mark}:checked) tbody tr:not(.{mark}) {{ display: none; }}")
        choices.append(Markup(f"<div>{escape(field)}: {join(buttons, ' ')}</div>"))
    head = join(Markup(f"<th>{escape(heading)}</th>") for heading in columns.values())
    body = join(
        Markup(
            f'<tr class="{" ".join(f"{_token(field)}-{_token(value)}" for field in by for value in _values(row[field]))}">'
            + join(Markup(f"<td>{escape(', '.join(cell) if isinstance(cell := row.get(key), list) else cell)}</td>") for key in columns)
            + "</tr>"
        )
        for row in listed
    )
    table_of = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return Markup(f'<div class="filtered"><style>{chr(10).join(styles)}</style>{join(choices)}{table_of}</div>')


def _values(cell: object) -> list[str]:
    return [str(value) for value in cell] if isinstance(cell, list) else [str(cell)]


def _token(name: str) -> str:
    """A name that may stand in an id, a class and a selector."""
    return "f-" + re.sub(r"[^a-z0-9]+", "-", name.lower())


def figure(pixels: np.ndarray, caption: object, *, side: int = 160) -> Markup:
    """A thumbnail with words under it. pixels: (height, width[, 3]) uint8."""
    return picture(thumbnail(pixels, side), caption, tiny=max(pixels.shape[:2]) < side)


def picture(source: str, caption: object, *, tiny: bool = False) -> Markup:
    """A picture that is there as a data URI already, with words under it; `tiny`: shown larger, each of its pixels. Any other source leaves the words."""
    enlarged = ' class="tiny"' if tiny else ""
    shown = f'<img{enlarged} src="{escape(source)}" alt="" loading="lazy">' if source.startswith("data:image/") else ""
    return Markup(f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>")


def quote(text: str, caption: object, *, limit: int = 400) -> Markup:
    """The beginning of a text with words under it, as large as a thumbnail."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return Markup(f"<figure><blockquote>{escape(shown)}</blockquote><figcaption>{escape(caption)}</figcaption></figure>")


def details(heading: object, *parts: object) -> Markup:
    """Parts that open under their heading when it is clicked."""
    return Markup(f"<details><summary>{escape(heading)}</summary>\n{join(parts, chr(10))}</details>")


def gallery(figures: Iterable[Markup]) -> Markup:
    """Figures side by side."""
    return Markup(f'<div class="gallery">{join(figures)}</div>')


def pairs(galleries: Iterable[Markup]) -> Markup:
    """Small galleries beside each other, each set off from the next."""
    return Markup(f'<div class="pairs">{join(galleries)}</div>')


def _cell(value: object) -> Markup:
    """A name of many parts may break behind any of them, and else only where nothing else helps."""
    return escape(value) if isinstance(value, Markup) else Markup(escape(value).replace("_", "_<wbr>"))


def _is_numeric(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _right(numeric: bool) -> str:
    return ' class="number"' if numeric else ""
