"""Faults of documents (PDF and Office) and films, planted as those of faults.py are: by rewriting a clean file."""

import io
import os
import re
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from faults import Fault, Plant
from PIL import Image

SIDE = 240  # pixels of the longer side of a film that is written again


def document_faults() -> list[Fault]:
    """Faults of PDF files."""

    def fault(check: str, what: str, plant: Plant, into: str = "pages with 20 words and more") -> Fault:
        return Fault(kind="document", check=check, what=what, plant=plant, fits=shows_text, into=into)

    return [
        fault("no_text_layer", "printed and scanned", lambda data, _: scanned(data)),
        fault("blank_pages", "as many blank ones", lambda data, _: with_blank_pages(data)),
        fault("blank_document", "nothing but blank pages", lambda *_: with_blank_pages(None)),
        fault("(unreadable)", "the last half cut off and its index with it", lambda data, _: data[: len(data) // 2]),
        fault("(unreadable)", "its last two thirds overwritten by noise", overwritten),
        fault("(unreadable)", "locked with a password", lambda data, _: locked_pdf(data)),
    ]


def office_faults() -> list[Fault]:
    """Faults of docx, pptx and odt files."""

    def fault(what: str, plant: Plant) -> Fault:
        return Fault(kind="office", check="(unreadable)", what=what, plant=plant)

    return [
        fault("the last half cut off", lambda data, _: data[: len(data) // 2]),
        fault("its last two thirds overwritten by noise", overwritten),
        fault("16 bytes of the main part changed", lambda data, _: main_part_changed(data)),
        fault("locked with a password", lambda data, _: locked_zip(data)),
    ]


def film_faults() -> list[Fault]:
    """Faults of films."""

    def fault(check: str, what: str, plant: Plant) -> Fault:
        return Fault(kind="video", check=check, what=what, plant=plant)

    return [
        fault("frozen", "one picture throughout", lambda data, _: rewritten(data, lambda frames: np.repeat(frames[:1], len(frames), axis=0))),
        fault("black", "a sixteenth of the light", lambda data, _: rewritten(data, lambda frames: frames // 16)),
        fault("blank_video", "one tone", lambda data, _: rewritten(data, lambda frames: np.full_like(frames, 90))),
        fault("missing_end", "its second half lost", lambda data, _: half_lost(data)),
        fault("(unreadable)", "its index cut off", lambda data, _: data[: len(data) // 3]),
        fault("(unreadable)", "all its frames overwritten by noise", without_frames),
        fault("missing_end", "lost but for its index and first bytes", lambda data, _: beginning(data)),
    ]


def shows_text(data: bytes) -> bool:
    """A PDF of at most 12 pages whose first one has 20 words."""
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(data)
        return 0 < len(document) <= 12 and len(document[0].get_textpage().get_text_range().split()) >= 20
    except pdfium.PdfiumError:
        return False


def scanned(data: bytes) -> bytes:
    """Each page as a picture of itself."""
    import pypdfium2 as pdfium

    pages = [page.render(scale=1.4).to_pil().convert("RGB") for page in pdfium.PdfDocument(data)]
    target = io.BytesIO()
    pages[0].save(target, "PDF", save_all=True, append_images=pages[1:])
    return target.getvalue()


def with_blank_pages(data: bytes | None) -> bytes:
    """A blank page for each page; without a document, three of them."""
    import pypdfium2 as pdfium

    document = pdfium.PdfDocument.new() if data is None else pdfium.PdfDocument(data)
    for _ in range(max(len(document), 3) if data is None else len(document)):
        document.new_page(595, 842)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    """The middle third and the index at the end replaced by noise."""
    third = len(data) // 3
    return data[:third] + rng.bytes(len(data) - third)


def frames_of(data: bytes) -> np.ndarray:
    """(n, height, width, 3) the first two seconds, small."""
    import av

    with av.open(io.BytesIO(data)) as container:
        found = []
        for frame in container.decode(video=0):
            found.append(np.asarray(shrunk(frame.to_image())))
            if len(found) == 50:
                break
    return np.stack(found)


def shrunk(picture: Image.Image) -> Image.Image:
    """Even sides of at most SIDE."""
    scale = min(1.0, SIDE / max(picture.size))
    return picture.resize((round(picture.width * scale) // 2 * 2, round(picture.height * scale) // 2 * 2))


def rewritten(data: bytes, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """The first frames, changed, as MPEG-4 whose index stands first; no sound."""
    import av

    frames = change(frames_of(data))
    descriptor, path = tempfile.mkstemp(suffix=".mp4")
    os.close(descriptor)
    try:
        with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as container:
            track = container.add_stream("mpeg4", rate=25)
            track.width, track.height, track.pix_fmt, track.bit_rate = frames.shape[2], frames.shape[1], "yuv420p", 1_000_000
            for pixels in frames:
                container.mux(track.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
            container.mux(track.encode())
        return Path(path).read_bytes()
    finally:
        Path(path).unlink()


def half_lost(data: bytes) -> bytes:
    """Written again with its index first, and cut in the middle."""
    whole = rewritten(data, lambda frames: frames)
    return whole[: len(whole) // 2]


def beginning(data: bytes) -> bytes:
    """Written again with its index first; that index and no more than the first bytes behind it."""
    whole = rewritten(data, lambda frames: frames)
    return whole[: whole.find(b"mdat") + 40]


def without_frames(data: bytes, rng: np.random.Generator) -> bytes:
    """What the boxes of media data hold, replaced by noise; the index still points there."""
    found, at = bytearray(data), 0
    while at + 8 <= len(found):
        length, kind = struct.unpack_from(">L4s", found, at)
        if length < 8:
            break
        if kind == b"mdat":
            found[at + 8 : at + length] = rng.bytes(len(found[at + 8 : at + length]))
        at += length
    return bytes(found)


def locked_pdf(data: bytes) -> bytes:
    """An update at the end says that it is encrypted, with a password that is not the empty one (ISO 32000-1, 7.6.3)."""
    root = re.findall(rb"/Root\s+\d+\s+\d+\s+R", data)
    start = re.findall(rb"startxref\s+(\d+)", data)
    size = max(map(int, re.findall(rb"/Size\s+(\d+)", data)), default=100_000)
    where = len(data) + 1
    lock = b"%d 0 obj\n<</Filter/Standard/V 1/R 2/P -4/O<" % size + b"5A" * 32 + b">/U<" + b"A5" * 32 + b">>>\nendobj\n"
    table = b"xref\n%d 1\n%010d 00000 n \n" % (size, where)
    trailer = b"trailer\n<</Size %d %s /Encrypt %d 0 R/ID[<00><00>]%s>>\n" % (
        size + 1,
        root[-1] if root else b"",
        size,
        b"/Prev " + start[-1] if start else b"",
    )
    return data + b"\n" + lock + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (where + len(lock))


def locked_zip(data: bytes) -> bytes:
    """All members flagged as encrypted, in their headers and in the directory (APPNOTE 4.4.4)."""
    found = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for place in re.finditer(re.escape(mark), data):
            found[place.start() + flags] |= 1
    return bytes(found)


def main_part_changed(data: bytes) -> bytes:
    """16 bytes in the middle of the packed main part turned over."""
    import zipfile

    archive = zipfile.ZipFile(io.BytesIO(data))
    named = [info for info in archive.infolist() if info.filename in {"word/document.xml", "ppt/presentation.xml", "content.xml"}]
    info = named[0] if named else max(archive.infolist(), key=lambda one: one.compress_size)
    begin = info.header_offset + 30 + sum(struct.unpack_from("<HH", data, info.header_offset + 26))
    found, middle = bytearray(data), begin + info.compress_size // 2
    for at in range(middle, min(middle + 16, begin + info.compress_size)):
        found[at] ^= 0xFF
    return bytes(found)
