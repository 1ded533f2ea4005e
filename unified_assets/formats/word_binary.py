"""A legacy .doc in; its text, title and pictures out ([MS-DOC] 2.4.1, retrieving text through the piece table)."""

import codecs
import re
import struct
from collections.abc import Iterator

import numpy as np
import olefile

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.pictures import MAX_PICTURES, carved_pictures

MAX_CHARS = 1 << 20
_MAX_STREAM_BYTES = 64 << 20
_FC_CLX = 0x01A2  # offset of fcClx, lcbClx in the FIB of Word 97 and later
_ENCRYPTED, _TABLE_1 = 0x0100, 0x0200
_WORD_97 = 0x00C1
_FIELD_MARK = re.compile("([\x13\x14\x15])")
_SUMMARY, _CODE_PAGE, _TITLE = "\x05SummaryInformation", 1, 2  # [MS-OLEPS] 3.1
_CLEAN = {0x07: "\t", 0x0B: "\n", 0x0C: "\f", 0x0D: "\n", 0x1E: "-", 0x1F: "", 0xA0: " ", 0x01: "", 0x02: "", 0x05: "", 0x08: ""}


def word_text(package: olefile.OleFileIO) -> str:
    """The document's text: paragraphs end with a newline, pages with a form feed, cells with a tab."""
    main = read_stream(package, "WordDocument")
    if len(main) < 34 or main[:2] not in {b"\xec\xa5", b"\xdc\xa5", b"\xdb\xa5"}:
        raise UnreadableFile("corrupt", "no Word header")
    version, flags = struct.unpack_from("<H", main, 2)[0], struct.unpack_from("<H", main, 10)[0]
    if flags & _ENCRYPTED:
        raise UnreadableFile("encrypted")
    text = "".join(_pieces(package, main, flags)) if version >= _WORD_97 else ""
    if not text:
        start, end = struct.unpack_from("<II", main, 24)
        text = main[start : min(end, start + MAX_CHARS)].decode("cp1252", "replace")
    return _without_fields(text).translate(_CLEAN)[:MAX_CHARS]


def word_pictures(package: olefile.OleFileIO) -> tuple[np.ndarray, ...]:
    """PNG and JPEG pictures in the data stream."""
    data = read_stream(package, "Data") if package.exists("Data") else b""
    return tuple(picture for _, picture in zip(range(MAX_PICTURES), carved_pictures(data), strict=False))


def read_stream(package: olefile.OleFileIO, name: str) -> bytes:
    """A stream of an OLE file, within bounds."""
    try:
        if package.get_size(name) > _MAX_STREAM_BYTES:
            raise UnreadableFile("bomb", f"stream {name} claims more than {_MAX_STREAM_BYTES >> 20} MiB")
        with package.openstream(name) as stream:
            return bytes(stream.read())
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise UnreadableFile("corrupt", f"stream {name}: {error}") from error


def ole_title(package: olefile.OleFileIO) -> str:
    """The title in the summary information, if it can be read."""
    try:
        facts = package.getproperties(_SUMMARY) if package.exists(_SUMMARY) else {}
        title, page = facts.get(_TITLE), (facts.get(_CODE_PAGE) or 0) & 0xFFFF
    except Exception:  # noqa: BLE001 - olefile's property parser raises whatever a broken set provokes; a title is a nicety
        return ""
    return title.decode(_codec(page), "replace").strip("\0 ")[:300] if isinstance(title, bytes) else ""


def _codec(code_page: int) -> str:
    try:
        return codecs.lookup({65001: "utf-8", 10000: "mac-roman"}.get(code_page, f"cp{code_page}")).name
    except LookupError:
        return "cp1252"


def _pieces(package: olefile.OleFileIO, main: bytes, flags: int) -> Iterator[str]:
    """Pieces of the main document, in order, until its length (ccpText) is reached."""
    if len(main) < _FC_CLX + 8:
        return
    table = read_stream(package, "1Table" if flags & _TABLE_1 else "0Table")
    start, length = struct.unpack_from("<II", main, _FC_CLX)
    left = min(struct.unpack_from("<I", main, 0x4C)[0], MAX_CHARS)
    plc = _piece_table(table[start : start + length])
    count = max(0, (len(plc) - 4) // 12)
    positions = struct.unpack_from(f"<{count + 1}I", plc, 0) if count else ()
    for index in range(count):
        chars = min(positions[index + 1] - positions[index], left)
        if chars <= 0:
            break
        (where,) = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * index + 2)
        if where & 0x40000000:
            at = (where & 0x3FFFFFFF) // 2
            yield main[at : at + chars].decode("cp1252", "replace")
        else:
            yield main[where : where + 2 * chars].decode("utf-16-le", "replace")
        left -= chars


def _piece_table(clx: bytes) -> bytes:
    """The PlcPcd inside a Clx, after its property modifiers."""
    at = 0
    while at + 5 <= len(clx):
        if clx[at] == 2:
            (size,) = struct.unpack_from("<I", clx, at + 1)
            return clx[at + 5 : at + 5 + size]
        if clx[at] != 1:
            break
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    return b""


def _without_fields(text: str) -> str:
    """Drop field codes (0x13 … 0x14), keep field results (0x14 … 0x15)."""
    kept: list[str] = []
    codes: list[bool] = []
    for part in _FIELD_MARK.split(text):
        if part == "\x13":
            codes.append(True)
        elif part == "\x14" and codes:
            codes[-1] = False
        elif part == "\x15" and codes:
            codes.pop()
        elif not any(codes):
            kept.append(part)
    return "".join(kept)
