"""Small .doc and .ppt files written by hand: a compound file ([MS-CFB]) around the streams that hold their text."""

import struct

_FREE, _END, _FAT, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_SECTOR, _SHORT = 512, 4096  # shorter streams would have to lie in the mini stream


def compound(streams: dict[str, bytes]) -> bytes:
    """Sector 0 is the allocation table, sector 1 the directory, then the streams, each filled up to 4096 bytes or more."""
    padded = {name: data.ljust(max(_SHORT, -(-len(data) // _SECTOR) * _SECTOR), b"\0") for name, data in sorted(streams.items())}
    entries, fat, at = [_entry("Root Entry", 5, child=1 if padded else _NONE)], [_FAT, _END], 2
    for number, (name, data) in enumerate(padded.items(), start=1):
        count = len(data) // _SECTOR
        entries.append(_entry(name, 2, right=number + 1 if number < len(padded) else _NONE, start=at, size=len(data)))
        fat += [*range(at + 1, at + count), _END]
        at += count
    assert len(entries) <= 4
    assert len(fat) <= 128
    directory = b"".join([*entries, *[_entry("", 0)] * (4 - len(entries))])
    table = struct.pack("<128L", *fat, *[_FREE] * (128 - len(fat)))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<9L", 0, 1, 1, 0, _SHORT, _END, 0, _END, 0) + struct.pack("<109L", 0, *[_FREE] * 108)
    return header + table + directory + b"".join(padded.values())


def _entry(name: str, kind: int, *, child: int = _NONE, right: int = _NONE, start: int = _END, size: int = 0) -> bytes:
    text = name.encode("utf-16-le")
    length = len(text) + 2 if name else 0
    return (
        text.ljust(64, b"\0")
        + struct.pack("<HBBLLL", length, kind, 1, _NONE, right, child)
        + bytes(36)
        + struct.pack("<LQ", start if kind == 2 else _END, size)
    )


def word(text: str = "The plum is ripe.\rThe stone is left.\r") -> bytes:
    """A Word 97 file of one piece of text, with its piece table."""
    letters = text.encode("cp1252")
    main = bytearray(1024)
    main[:4] = b"\xec\xa5" + struct.pack("<H", 0x00C1)
    main[10:12] = struct.pack("<H", 0x0200)
    main[0x4C:0x50] = struct.pack("<L", len(letters))
    pieces = struct.pack("<2L", 0, len(letters)) + struct.pack("<HLH", 0, 1024 * 2 | 0x40000000, 0)
    table = b"\x02" + struct.pack("<L", len(pieces)) + pieces
    main[0x1A2:0x1AA] = struct.pack("<LL", 0, len(table))
    return compound({"WordDocument": bytes(main) + letters, "1Table": table})


def slides(texts: tuple[str, ...] = ("ripe plums", "no stones")) -> bytes:
    """A PowerPoint 97 file with a text box on each slide."""
    anchor = _record(0xF010, struct.pack("<4h", 80, 160, 2400, 800))
    document = _record(0x03E8, _record(0x03E9, struct.pack("<2l", 5760, 4320) + bytes(32)), container=True)
    for text in texts:
        box = _record(0xF00D, _record(0x0FA0, text.encode("utf-16-le")), container=True)
        document += _record(0x03EE, _record(0xF004, anchor + box, container=True), container=True)
    user = bytes(12) + b"\x5f\xc0\x91\xe3" + bytes(16)
    return compound({"PowerPoint Document": document, "Current User": user})


def _record(kind: int, body: bytes, *, container: bool = False) -> bytes:
    return struct.pack("<HHL", 0xF if container else 0, kind, len(body)) + body
