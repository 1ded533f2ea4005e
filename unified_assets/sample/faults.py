"""A lake of sound files → the same lake with planted faults, each noted in the truth."""

import io
import os

import numpy as np
from PIL import Image, ImageFilter

from unified_assets.sample import pages_pdf, papers, pictures, tones
from unified_assets.sample.archive import zipped
from unified_assets.sample.lake import Lake
from unified_assets.sample.words import Words

INBOX = "inbox"  # what somebody dropped: no labels, no order
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
BOMB_MIB = 80


def plant(lake: Lake) -> None:
    """Plant every fault. Labelled files must exist already."""
    _spoil_pictures(lake)
    _copy_pictures(lake)
    _spoil_sounds(lake)
    _spoil_texts(lake)
    _hostile_files(lake)
    _ignored_files(lake)


def _spoil_pictures(lake: Lake) -> None:
    rng = lake.rng("faulty pictures")
    noisy = Image.fromarray(rng.integers(0, 256, size=(96, 96, 3), dtype=np.uint8))
    for path, extension in (("images/shapes/star/s901.png", "png"), ("images/digits/train/7/d901.jpg", "jpg")):
        data = pictures.encode(noisy, extension)
        lake.add(
            path, data[: len(data) // 2], modality="image", media_type=pictures.FORMATS[extension], issue="truncated", decision="reject", fault="truncated"
        )
    png = pictures.encode(pictures.digit(rng, 4), "png")
    lake.add(
        "images/digits/train/4/d902.jpg",
        png,
        modality="image",
        media_type="image/png",
        label="4",
        form="class_folders",
        issue="wrong_extension",
        fault="wrong_extension",
    )
    lake.example("images/digits/train/4/d902.jpg", task="images/digits", subject="image", kind="classification", target="4", split="train")
    fog = pictures.shape(rng, "circle").resize((224, 224)).filter(ImageFilter.GaussianBlur(6))
    lake.add(f"{INBOX}/harbour in fog.png", pictures.encode(fog, "png"), modality="image", media_type="image/png", issue="blurry", fault="blurry")
    blank = Image.new("RGB", (120, 90), (236, 233, 228))
    lake.add(
        f"{INBOX}/scan of the back.png",
        pictures.encode(blank, "png"),
        modality="image",
        media_type="image/png",
        issue="blank",
        decision="reject",
        fault="blank",
    )
    small = pictures.shape(rng, "star").resize((20, 20))
    lake.add(f"{INBOX}/favicon.png", pictures.encode(small, "png"), modality="image", media_type="image/png", issue="too_small", fault="too_small")


def _copy_pictures(lake: Lake) -> None:
    rng = lake.rng("copies")
    source = _first(lake, "images/digits/train/5/")
    extension = source.rpartition(".")[2]
    # Labelled like its source, but no example of its own: copies count once.
    _copy(lake, source, f"images/digits/train/5/d903.{extension}", issue="duplicate", fault="exact_duplicate", label="5", form="class_folders")

    source = _first(lake, "images/shapes/circle/", ".png")
    image = Image.open(io.BytesIO(lake.read(source))).convert("RGB")
    lake.add(
        "images/shapes/circle/s902.jpg", pictures.encode(image, "jpg", quality=60), modality="image", media_type="image/jpeg",
        label="circle", form="class_folders", issue="near_duplicate", fault="near_duplicate", unit=source,
    )  # fmt: skip
    lake.example("images/shapes/circle/s902.jpg", task="images/shapes", subject="image", kind="classification", target="circle")

    data = pictures.encode(pictures.shape(rng, "square"), "png")
    for label in ("square", "triangle"):
        path = f"images/shapes/{label}/s903.png"
        issue = "duplicate" if label == "triangle" else ""  # the later one of two equal files is the copy
        lake.add(path, data, modality="image", media_type="image/png", issue=issue, fault="contradictory_label", unit="images/shapes/square/s903.png")


def _spoil_sounds(lake: Lake) -> None:
    rng = lake.rng("faulty sounds")
    wav = tones.encode(tones.dial(rng, 2), "wav")
    lake.add(
        "audio/tones/train/2/t901.mp3",
        wav,
        modality="audio",
        media_type="audio/wav",
        label="2",
        form="class_folders",
        issue="wrong_extension",
        fault="wrong_extension",
    )
    lake.example("audio/tones/train/2/t901.mp3", task="audio/tones", subject="audio", kind="classification", target="2", split="train")
    lake.add(
        f"{INBOX}/broken upload.wav",
        wav[:30],
        modality="audio",
        media_type="audio/wav",
        status="quarantined",
        issue="corrupt_header",
        decision="reject",
        fault="truncated",
    )
    silence = tones.encode(np.zeros(tones.RATE_HZ), "wav")
    lake.add(f"{INBOX}/quiet room.wav", silence, modality="audio", media_type="audio/wav", issue="silent", decision="reject", fault="silent")
    time = np.arange(tones.RATE_HZ) / tones.RATE_HZ
    loud = np.clip(4 * np.sin(2 * np.pi * 330 * time) + rng.normal(0, 0.1, len(time)), -1, 1)
    lake.add(f"{INBOX}/loud hall.wav", tones.encode(loud, "wav"), modality="audio", media_type="audio/wav", issue="clipped", fault="clipped")


def _spoil_texts(lake: Lake) -> None:
    words = Words(lake.rng("faulty texts"))
    french = "L'été dernier, à la fête du château, la forêt était brûlée près de l'hôtel où Zoé et François dînaient. "
    mojibake = (french * 4).encode().decode("cp1252", "replace").replace("�", "?")
    lake.add(f"{INBOX}/souvenirs.txt", mojibake.encode(), modality="text", media_type="text/plain", issue="mojibake", fault="mojibake")
    lake.add(f"{INBOX}/todo.txt", b"", modality="text", media_type="text/plain", issue="empty", decision="reject", fault="empty")
    settings = b'{"theme": "dark", "font": {"name": "serif", "size": 12}, "recent": ["a.doc", "b.doc"], "autosave": true}\n'
    lake.add(f"{INBOX}/export.txt", settings, modality="text", media_type="application/json", fault="wrong_extension")
    pdf = pages_pdf.pdf(papers.paper(words.rng, "letter"))
    lake.add(
        f"{INBOX}/half a letter.pdf", pdf[: len(pdf) // 2], modality="document", media_type="application/pdf",
        status="quarantined", issue="corrupt", decision="reject", fault="truncated",
    )  # fmt: skip


def _hostile_files(lake: Lake) -> None:
    rng = lake.rng("hostile files")
    types = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    bomb = zipped({"[Content_Types].xml": types, "word/document.xml": b" " * (BOMB_MIB << 20)})
    lake.add(f"{INBOX}/minutes.docx", bomb, modality="document", media_type=DOCX, status="quarantined", issue="bomb", decision="reject", fault="zip_bomb")
    junk = b"\x8f\x00" + rng.integers(0, 256, size=4000, dtype=np.uint8).tobytes()
    lake.add(
        f"{INBOX}/dump.bin",
        junk,
        modality="other",
        media_type="application/octet-stream",
        status="unsupported",
        issue="unknown_format",
        decision="reject",
        fault="junk",
    )
    try:
        os.mkfifo(lake.root / INBOX / "events")
    except (AttributeError, OSError) as error:
        lake.skipped.append(f"FIFO: {error}")
    else:
        lake.note(f"{INBOX}/events", modality="other", media_type="inode/fifo", status="unreadable", issue="not_regular", decision="reject", fault="fifo")
    (lake.root / INBOX / "shortcut.txt").symlink_to(f"../../{lake.name}.truth/README.md")
    lake.note(f"{INBOX}/shortcut.txt", modality="other", media_type="inode/symlink", status="unreadable", issue="link", decision="reject", fault="link_outside")


def _ignored_files(lake: Lake) -> None:
    lake.add(".DS_Store", b"\x00\x00\x00\x01Bud1" + bytes(500), modality="other", media_type="application/octet-stream", status="ignored", fault="hidden")
    lake.add(f"{INBOX}/.draft.txt", b"Nobody is to read this.\n", modality="text", media_type="text/plain", status="ignored", fault="hidden")


def _first(lake: Lake, folder: str, ending: str = "") -> str:
    """The first sound file of a folder, in path order."""
    return min(path for path, truth in lake.files.items() if path.startswith(folder) and path.endswith(ending) and not truth.fault)


def _copy(lake: Lake, source: str, target: str, **truth: str) -> None:
    original = lake.files[source]
    lake.add(target, lake.read(source), modality=original.modality, media_type=original.media_type, unit=source, **truth)
