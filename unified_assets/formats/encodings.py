"""Bytes of a text in; the text, its encoding and whether that was certain out."""

import codecs
import re
from typing import NamedTuple

from unified_assets.core.errors import UnreadableFile

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark starts with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HANZI = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]")  # GB 2312 level 1 and its punctuation
_MARKED = {b"\xef", b"\xff", b"\xfe", b"\0"}
_KANA_SJIS = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x41\x42]")
_KANA_EUC = re.compile(rb"\xa4[\xa1-\xf3]|\xa5[\xa1-\xf6]")
_HANGUL = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")
_BIG5 = re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x5a]")
_BIG5_LOW = re.compile(rb"[\xa4-\xc6][\x40-\x7e]")
_ALPHABETS = (("cp1251", "оеаинтсрвл"), ("koi8-r", "оеаинтсрвл"), ("cp866", "оеаинтсрвл"), ("cp1253", "αοιετσνηυρς"))
_ALPHABET_SHARE = 0.45  # of the letters; texts have 0.6 or more, another code page read as this one 0.3 or less
_ALPHABET_RUN = 2.5  # mean length of a run of high bytes: words of such an alphabet, against single accented letters
_HIGH = re.compile(rb"[\x80-\xff]+")
_CONTROLS = bytes([*range(7), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e]+")
_CONTROL_SHARE = 0.002
_SURE_HANZI = 8


class Encoding(NamedTuple):
    """A codec's name, the length of its byte order mark, and whether the bytes prove it."""

    name: str
    mark: int
    confident: bool


def find_encoding(data: bytes, *, whole: bool) -> Encoding | None:
    """The encoding of a text, or None where the bytes are no text. `whole` is False for the head of a longer file."""
    for mark, name in _BOMS if data[:1] in _MARKED else ():
        if data.startswith(mark) and _decodes(data[len(mark) :], name, whole=whole):
            return Encoding(name, len(mark), confident=True)
    if b"\0" in data and (found := _utf16_without_mark(data, whole=whole)):
        return found
    if len(data) - len(data.translate(None, _CONTROLS)) > _CONTROL_SHARE * len(data):
        return None
    if _decodes(data, "utf-8", whole=whole):
        return Encoding("utf-8", 0, confident=True)
    return _legacy(data, whole=whole)


def decode_text(data: bytes, *, whole: bool = True) -> tuple[str, Encoding]:
    """The text; a sequence cut at the end is left out. Raises UnreadableFile("not_text") for bytes that are no text."""
    encoding = find_encoding(data, whole=whole)
    if encoding is None:
        raise UnreadableFile("not_text", "control characters throughout")
    return decode_as(data, encoding, whole=whole), encoding


def decode_as(data: bytes, encoding: Encoding, *, whole: bool = True) -> str:
    """The text in an encoding that was found for it."""
    if whole:
        return str(data[encoding.mark :], encoding.name)
    return codecs.getincrementaldecoder(encoding.name)("strict").decode(data[encoding.mark :], final=False)


def _decodes(data: bytes, name: str, *, whole: bool) -> bool:
    try:
        if name == "utf-8" and data.isascii():
            return True
        if whole:
            str(data, name)
            return True
        codecs.getincrementaldecoder(name)("strict").decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _utf16_without_mark(data: bytes, *, whole: bool) -> Encoding | None:
    """ASCII text in UTF-16 has a NUL in nearly every second byte, and printable characters in the others."""
    even, odd = data[0:4096:2], data[1:4096:2]
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) > 0.7 * len(zeros) and len(_PRINTABLE.sub(b"", others)) < 0.1 * len(others) and _decodes(data, name, whole=whole):
            return Encoding(name, 0, confident=False)
    return None


def _legacy(data: bytes, *, whole: bool) -> Encoding:
    """Chinese text has its high bytes in pairs of common characters; accented Latin letters stand alone among ASCII."""
    runs = _HIGH.findall(data)
    high = sum(map(len, runs))
    asian = _asian(data, high, whole=whole) if high >= 4 else None
    if asian is not None:
        return asian
    if len(runs) >= 2 and high >= _ALPHABET_RUN * len(runs) and (found := _alphabetic(b"".join(runs))) and _decodes(data, found, whole=whole):
        return Encoding(found, 0, confident=high >= 40)
    hanzi = len(_HANZI.findall(data))
    if hanzi >= 2 and 2 * hanzi >= 0.9 * high and _decodes(data, "gb18030", whole=whole):
        return Encoding("gb18030", 0, confident=hanzi >= _SURE_HANZI)
    if high >= 8 and _is_big5(data, high, whole=whole):
        return Encoding("big5", 0, confident=high >= 2 * _SURE_HANZI)
    return Encoding("cp1252" if _decodes(data, "cp1252", whole=whole) else "latin-1", 0, confident=False)


def _asian(data: bytes, high: int, *, whole: bool) -> Encoding | None:
    """Japanese has kana all over it, in Shift-JIS and in EUC; Korean keeps to the 25 rows of Hangul, Chinese does not."""
    for pattern, name in ((_KANA_SJIS, "cp932"), (_KANA_EUC, "euc_jp")):
        kana = len(pattern.findall(data))
        if kana >= 3 and 2 * kana >= 0.2 * high and _decodes(data, name, whole=whole):
            return Encoding(name, 0, confident=kana >= _SURE_HANZI)
    hangul = len(_HANGUL.findall(data))
    if hangul >= 12 and 2 * hangul >= 0.97 * high and _decodes(data, "cp949", whole=whole):
        return Encoding("cp949", 0, confident=hangul >= 4 * _SURE_HANZI)
    return None


def _alphabetic(letters: bytes) -> str | None:
    """The code page in which the most common letters of its alphabet are the most common here, if any fits."""
    sample = letters[:4096]
    shares = {name: sum(map(sample.decode(name, "ignore").count, common)) / len(sample) for name, common in _ALPHABETS}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _ALPHABET_SHARE else None


def _is_big5(data: bytes, high: int, *, whole: bool) -> bool:
    """Half the second bytes of Big5 lie in the ASCII range, behind lead bytes that accented letters do not have."""
    pairs, low = len(_BIG5.findall(data)), len(_BIG5_LOW.findall(data))
    return pairs >= 4 and low >= 0.15 * pairs and 2 * pairs - low >= 0.9 * high and _decodes(data, "big5", whole=whole)
