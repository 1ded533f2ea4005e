"""A generator of hostile files: small valid seeds of every format, mutations of them, bombs, and what is no file at all."""

import bz2
import gzip
import io
import lzma
import os
import random
import re
import socket
import struct
import tarfile
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import legacy_office
import numpy as np
import soundfile
from PIL import Image

from unified_assets.core import plugins

ODD_NAMES = (b"two\nlines", b"latin \xe9t\xe9", b"back\\slash", b"\xff\xfe", b"tab\there", b"quote'\"", b"%2e%2e", b"-rf", b"a" * 250, "snow ☃ \u202e".encode())
_MARKS = re.compile(
    rb"PK[\x01\x03\x05\x07][\x02\x04\x06\x08]|IHDR|IDAT|IEND|PLTE|fmt |data|LIST|moov|moof|trak|mdat|stbl|avcC|OggS|fLaC|ID3|\xff[\xc0-\xfe]"
    rb"|endobj|stream|xref|trailer|\x1a\x45\xdf\xa3|ustar|\x1f\x8b|COMM|SSND|VP8[LX ]|\xd0\xcf\x11\xe0|\xec\xa5\xc1|R\0o\0o\0t|\n"
)
_PLANTS = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x80\0\0\0", b"\0\0\0\x80", b"\x01\0\0\0")
Members = dict[str, bytes]


def zipped(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return buffer.getvalue()


def tarred(members: Members) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _image(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(5).integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(buffer, form)
    return buffer.getvalue()


def _sound(form: str, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, (0.4 * np.sin(np.arange(2400) * 0.3)).astype(np.float32), 8000, format=form, subtype=subtype)
    return buffer.getvalue()


def _wave() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as stream:
        stream.setparams((2, 2, 8000, 0, "NONE", ""))
        stream.writeframes(bytes(range(256)) * 8)
    return buffer.getvalue()


def _pdf(content: bytes = b"BT /F1 24 Tf 20 100 Td (ripe plums) Tj ET", filters: bytes = b"") -> bytes:
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(content), filters, content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)


def _office(members: Members) -> bytes:
    return zipped({"[Content_Types].xml": b"<Types/>", **members})


def _book(body: bytes = b"<p>plums</p>") -> bytes:
    opf = b'<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>'
    container = b'<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>'
    return zipped(
        {"mimetype": b"application/epub+zip", "META-INF/container.xml": container, "b.opf": opf, "a.xhtml": b"<html><body>" + body + b"</body></html>"}
    )


_W = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>%s</w:body></w:document>'
_P = b'<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"/>'
_ODT = b'<o:d xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
_ODT += b' xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><o:body><t:p>x</t:p></o:body></o:d>'


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """(extension, content) of a small valid file of each format."""
    prose = "The plum is ripe, and it was eaten. Der Rest ist für dich — 李子熟了。\n".encode()
    texts = {
        "txt": prose,
        "md": b"# Plums\n\n- ripe\n- blue\n",
        "csv": b"name,colour\napple,red\nplum,violet\n",
        "tsv": b"a\tb\n1\t2\n3\t4\n",
        "json": b'{"train": [{"a": 1}, {"a": [2, {"b": null}]}], "test": []}',
        "jsonl": b'{"a": 1}\n{"a": 2}\n',
        "xml": b'<?xml version="1.0"?><annotation><size><width>3</width></size></annotation>',
        "html": b"<!DOCTYPE html><html><body>plums</body></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
        "yaml": b"---\nname: x\nitems:\n  - a\n",
        "u16.txt": prose.decode().encode("utf-16"),
        "gb.txt": ("李子熟了，是蓝色的。" * 4).encode("gb18030"),
    }
    images = {form.lower(): _image(form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")}
    sounds = {"wav": _wave(), "flac": _sound("FLAC"), "mp3": _sound("MP3"), "ogg": _sound("OGG"), "opus": _sound("OGG", "OPUS"), "aiff": _sound("AIFF")}
    documents = {
        "pdf": _pdf(),
        "docx": _office({"word/document.xml": _W % b"<w:p><w:r><w:t>plums</w:t></w:r></w:p>"}),
        "pptx": _office({"ppt/presentation.xml": _P}),
        "odt": zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": _ODT}),
        "epub": _book(),
        "rtf": b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}Dear reader,\\par the plum is ripe.\\par}",
        "doc": legacy_office.word(),
        "ppt": legacy_office.slides(),
    }
    inside = {"a.txt": b"one", "b/c.png": images["png"]}
    archives = {
        "zip": zipped(inside),
        "tar": tarred(inside),
        "tar.gz": gzip.compress(tarred(inside)),
        "gz": gzip.compress(prose),
        "bz2": bz2.compress(tarred(inside)),
        "xz": lzma.compress(prose),
    }
    films = {"mp4": plugins.modalities()["video"].good()[0], "heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(90)}
    return tuple({**texts, **images, **sounds, **documents, **archives, **films}.items())


def truncations(data: bytes) -> Iterator[bytes]:
    """The file cut at, and one byte before and after, every place where a header or chunk starts."""
    places = {0, 1, 2, 4, 8, 12, 16, 20, 28, 36, 44, *(match.start() for match in _MARKS.finditer(data)), *(match.end() for match in _MARKS.finditer(data))}
    for place in sorted({place + shift for place in places for shift in (-1, 0, 1)} & set(range(len(data)))):
        yield data[:place]


def mutated(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` (extension, content) by a seed: bits flipped, runs overwritten, lengths made absurd, files cut, joined and repeated."""
    chance = random.Random(seed)
    pool = seeds()
    for _ in range(count):
        extension, data = chance.choice(pool)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            data = chance.choice(_MUTATIONS)(data, chance)
        yield (chance.choice(pool)[0] if chance.random() < 0.1 else extension), data[: 1 << 18]


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 64))):
        if changed:
            changed[chance.randrange(min(len(changed), chance.choice((64, 1 << 20))))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.randrange(1, 40)) + data[at + chance.randrange(40) :]


def _plant(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(min(len(data), 512) + 1)
    return data[:at] + chance.choice(_PLANTS) + data[at + 4 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return chance.choice(list(truncations(data)) or [b""])


def _join(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(seeds())[1]
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    end = at + chance.randrange(1, 64)
    return data[:at] + data[at:end] * chance.choice((2, 50)) + data[end:]


_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _flip, _overwrite, _plant, _cut, _join, _repeat)


def absurd() -> Iterator[tuple[str, bytes]]:
    """Headers that promise what no machine has."""
    side = struct.pack(">LL", 2_000_000_000, 2_000_000_000)
    header = b"IHDR" + side + b"\x08\x02\0\0\0"
    yield "png", b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + struct.pack(">L", zlib.crc32(header)) + _image("PNG")[33:]
    yield "gif", _image("GIF")[:6] + b"\xff\xff\xff\xff" + _image("GIF")[10:]
    yield "bmp", _image("BMP")[:18] + struct.pack("<ll", 2**31 - 1, 2**31 - 1) + _image("BMP")[26:]
    yield "jpeg", re.sub(rb"(?<=\xff\xc0...)....", b"\xff\xff\xff\xff", _image("JPEG"), count=1, flags=re.DOTALL)
    yield "wav", _wave()[:22] + struct.pack("<HL", 65535, 2**32 - 1) + _wave()[28:]
    yield "wav", _wave()[:40] + b"\xff\xff\xff\xff" + _wave()[44:]
    yield "flac", _sound("FLAC")[:18] + b"\xff" * 8 + _sound("FLAC")[26:]
    yield "tar", b"x" + bytes(123) + b"\x80" + b"\xff" * 11 + bytes(121) + b"ustar\x0000" + bytes(248)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Little that would become much, one of each container."""
    zeros = bytes(40 << 20)
    yield "zip", zipped({"zeros": zeros})
    yield "zip", zipped({f"{number}.zip": zipped({"zeros": zeros[: 8 << 20]}) for number in range(8)})
    yield "docx", _office({"word/document.xml": _W % zeros.replace(b"\0", b" ")})
    yield "pptx", _office({"ppt/presentation.xml": zeros.replace(b"\0", b" ")})
    yield "odt", zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": zeros.replace(b"\0", b" ")})
    yield "epub", zipped({"mimetype": b"application/epub+zip", "META-INF/container.xml": zeros.replace(b"\0", b" ")})
    packed_tar = tarred({"zeros": zeros, "end": b"x"})
    yield "tar.gz", gzip.compress(packed_tar)
    yield "tar.bz2", bz2.compress(packed_tar)
    yield "tar.xz", lzma.compress(packed_tar)
    yield "gz", gzip.compress(zeros)
    yield "pdf", _pdf(zlib.compress(zeros.replace(b"\0", b" ")), b"/Filter /FlateDecode ")
    header = b"IHDR" + struct.pack(">LL", 30_000, 30_000) + b"\x08\0\0\0\0"
    body = b"IDAT" + zlib.compress(zeros)
    png = b"".join(struct.pack(">L", len(part) - 4) + part + struct.pack(">L", zlib.crc32(part)) for part in (header, body, b"IEND"))
    yield "png", b"\x89PNG\r\n\x1a\n" + png
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 12))
    entities = b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY l0 "ha">' + laughs + b"]><a>&l11;</a>"
    yield "xml", entities
    yield "docx", _office({"word/document.xml": entities})
    yield "xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///dev/random">]><a>&x;</a>'
    yield "json", b"[" * 500_000
    yield "rtf", b"{\\rtf1" + b"{" * 200_000
    yield "csv", b"a," * (6 << 20)
    yield "zip", _many_members(70_000)


def _many_members(count: int) -> bytes:
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    return entry * count + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(entry) * count, 0, 0)


def write(folder: Path, files: Iterator[tuple[str, bytes]], *, names: tuple[bytes, ...] = ()) -> int:
    """Write numbered files into `folder`, a few under odd names; their number."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, (extension, data) in enumerate(files, start=1):
        odd = names[count // 97 % len(names)] if names and count % 97 == 0 else b""
        name = b"%05d" % count + odd[:200] + b"." + extension.encode()
        (folder / os.fsdecode(name)).write_bytes(data)
    return count


def write_no_files(folder: Path) -> int:
    """What a folder may hold that is no regular file; their number."""
    folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        where = Path.cwd()
        os.chdir(folder)  # the path of a socket is at most 107 bytes long
        try:
            server.bind("sock.png")
        finally:
            os.chdir(where)
    (folder / "loop").symlink_to(".")
    (folder / "away.txt").symlink_to("/etc/passwd")
    (folder / "dangling.wav").symlink_to("nowhere")
    return 5
