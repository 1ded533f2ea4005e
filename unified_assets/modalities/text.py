"""Text: prose, records and markup in; encoding and number of records, or the text out."""

from collections.abc import Mapping
from typing import Any, BinaryIO

from unified_assets.core.contracts import Modality
from unified_assets.core.media import DecodedText
from unified_assets.formats.text_facts import read_text, text_facts


def probe(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """Encoding, language, and for a table, JSON or JSON lines the number of records where counting is cheap, with the table's dialect."""
    return text_facts(stream, media_type)


def decode(stream: BinaryIO, media_type: str) -> DecodedText:  # noqa: ARG001 - text is text
    """The text without its byte order mark, at most 4 MiB of it."""
    text, encoding, whole = read_text(stream)
    return DecodedText(text=text, encoding=encoding.name, confident=encoding.confident, cut=not whole)


def _good() -> tuple[bytes, str]:
    return b"name,colour\napple,red\nplum,violet\n", "text/csv"


def _bad() -> tuple[bytes, str]:
    return b"name,colour\n" + bytes(range(256)), "text/csv"


MODALITY = Modality(
    name="text",
    description="Prose, tables, records and markup.",
    media_types=frozenset(
        {
            "text/plain",
            "text/markdown",
            "text/csv",
            "text/tab-separated-values",
            "application/json",
            "application/jsonl",
            "text/xml",
            "text/html",
            "application/yaml",
        }
    ),
    probe=probe,
    decode=decode,
    views=("text",),
    extensions={
        "txt": "text/plain",
        "md": "text/markdown",
        "markdown": "text/markdown",
        "csv": "text/csv",
        "tsv": "text/tab-separated-values",
        "json": "application/json",
        "jsonl": "application/jsonl",
        "ndjson": "application/jsonl",
        "xml": "text/xml",
        "html": "text/html",
        "htm": "text/html",
        "xhtml": "text/html",
        "yaml": "application/yaml",
        "yml": "application/yaml",
    },
    good=_good,
    bad=_bad,
)
