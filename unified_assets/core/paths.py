r"""Names as the file system has them, bytes, in; valid, reversible text out, and back.

A byte that is not UTF-8 is written `\xNN`, a backslash `\\`; everything else stands for itself.
"""

import re

_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def encode_path(raw: bytes) -> str:
    """Bytes of a path as valid Unicode text; `decode_path` gives the same bytes back."""
    escaped = raw.replace(b"\\", b"\\\\")
    try:
        return escaped.decode("utf-8")
    except UnicodeDecodeError:
        return escaped.decode("utf-8", "surrogateescape").translate({0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)})


def decode_path(text: str) -> bytes:
    """The bytes `encode_path` was given. A lone backslash, which it never writes, stands for itself."""
    raw = text.encode("utf-8")
    return _ESCAPE.sub(_unescape, raw) if b"\\" in raw else raw


def _unescape(match: re.Match[bytes]) -> bytes:
    escape = match.group(1)
    return b"\\" if escape == b"\\" else bytes([int(escape[1:], 16)])
