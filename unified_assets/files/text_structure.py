"""The head of a text and its name in; the media type its structure shows out."""

import csv
import io
import json
import re

from unified_assets.formats.text_facts import count_members

SVG = "image/svg+xml"  # catalogued, not decoded: its markup says little and drawing it needs a renderer
TEXT_EXTENSIONS = {
    "txt": "text/plain",
    "text": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "tab": "text/tab-separated-values",
    "json": "application/json",
    "geojson": "application/json",
    "jsonl": "application/jsonl",
    "ndjson": "application/jsonl",
    "xml": "text/xml",
    "html": "text/html",
    "htm": "text/html",
    "xhtml": "text/html",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
_MARKUP = re.compile(r"\s*(?:<\?xml\b|<!DOCTYPE\b|<!--|<[A-Za-z_][\w:.-]*(?:\s[^<>]*)?/?>)")
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!DOCTYPE\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_JSON_HEAD = re.compile(r'\s*(?:\{\s*(?:"|\}|$)|\[\s*(?:["\[{\]\-\d]|true|false|null|$))')
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|\[[^\]]+\]\([^)]+\)|[*-] \S.*\n[*-] \S)", re.MULTILINE)
_SVG_HEAD = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE\s+svg[^>\[]*(?:\[[^\]]*\])?>\s*)?(?:<!--.*?-->\s*)*<(?:svg:)?svg[\s>]", re.DOTALL
)
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(?:.*\r?\n){1,200}?---[ \t]*\r?\n")
_YAML_LINE = re.compile(r"\s*(?:#.*|-(?:\s.*)?|(?:- )*(?:[\w./-]+|\"[^\"]*\"|'[^']*')\s*:(?:\s.*)?|\.\.\.|---(?:\s.*)?|%YAML.*)$")
_YAML_NEST = re.compile(r"^(\s*)(?:- )?[\w./-]+:[ \t]*\n\1(?:[ ]+|- )\S", re.MULTILINE)
_BOXES = re.compile(r"(?:-?\d+(?:\.\d+)?,){4,}")
_SAMPLE_LINES = 12


def text_media_type(head: str, extension: str, *, whole: bool) -> str:
    """Structure that cannot be chance (JSON, markup, a regular table) beats the name; among prose the name decides."""
    named = TEXT_EXTENSIONS.get(extension)
    if _JSON_HEAD.match(head) and (found := _json_type(head, whole=whole)):
        return found
    if head.lstrip("\ufeff \t\r\n").startswith("<") and (found := _markup_type(head[:8192], named)):
        return found
    if named in {"text/csv", "text/tab-separated-values"}:
        return named
    if named in {None, "application/json", "application/jsonl", "text/xml", "text/html"}:
        return _table_type(head, whole=whole) or (_prose_type(head, whole=whole) if named is None else "text/plain")
    return named


def _markup_type(head: str, named: str | None) -> str | None:
    if _SVG_HEAD.match(head):
        return SVG
    if _HTML.match(head):
        return "text/html"
    if _MARKUP.match(head) and named not in {"text/markdown", "text/csv", "text/tab-separated-values"}:
        return "text/html" if named == "text/html" else "text/xml"
    return None


def _prose_type(head: str, *, whole: bool) -> str:
    """Markdown by its marks or the settings before it; YAML where every line is of it; else plain."""
    if _FRONT_MATTER.match(head):
        return "text/markdown"
    if _is_yaml(head, whole=whole):
        return "application/yaml"
    return "text/markdown" if _MARKDOWN.search(head) else "text/plain"


def _is_yaml(head: str, *, whole: bool) -> bool:
    """Lines of `key: value` alone are also how people write notes: YAML has its mark, or nests."""
    if ":" not in head[:2000]:
        return False
    lines = head[:8192].splitlines()
    sample = [line for line in (lines if whole and len(head) <= 8192 else lines[:-1])[:60] if line.strip()]
    if len(sample) < 2 or not all(map(_YAML_LINE.match, sample)):
        return False
    return head.startswith(("---", "%YAML")) or _YAML_NEST.search(head[:8192]) is not None


def _json_type(head: str, *, whole: bool) -> str | None:
    lines = [line for line in head.splitlines()[: _SAMPLE_LINES + 1] if line.strip()]
    complete = lines if whole and len(lines) <= _SAMPLE_LINES else lines[:-1]
    if len(complete) >= 2 and all(_is_record(line) for line in complete):
        return "application/jsonl"
    if not whole or len(head) > 1 << 16:
        return "application/json" if len(lines) < 2 or not _is_record(lines[0]) else "application/jsonl"
    try:
        count_members(head)
    except (ValueError, RecursionError):
        return "application/json" if re.match(r'\s*(?:\{\s*"|\[\s*[\[{"])', head) else None
    return "application/json"


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def _table_type(head: str, *, whole: bool) -> str | None:
    """A table has the same number of cells, at least two, in each of its first lines, three or more of them."""
    lines = head.splitlines()
    sample = lines[:_SAMPLE_LINES] if whole or len(lines) > _SAMPLE_LINES else lines[:-1]
    if len(sample) >= 3 and all(map(_BOXES.match, sample)):
        return "text/csv"  # coordinates, then a text that may hold commas of its own
    text = "\n".join(sample)
    for delimiter, media_type in (("\t", "text/tab-separated-values"), (",", "text/csv"), (";", "text/csv")):
        if '"' not in text and not all(delimiter in line for line in sample if line):
            continue
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(widths) >= 3 and len(set(widths)) == 1 and widths[0] >= 2:
            return media_type
    return None
