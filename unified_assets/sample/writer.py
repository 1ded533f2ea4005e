"""A folder and a seed → a small mixed lake in five modalities, and what is true of it in a folder beside it."""

import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from unified_assets.core.errors import InvalidSetting
from unified_assets.sample import causes, clips, concepts, pages_docx, pages_pdf, pages_pptx, papers, pictures, reasoning, sums, tones
from unified_assets.sample.faults import DOCX, plant
from unified_assets.sample.lake import Lake
from unified_assets.sample.words import TOPICS, Words

VERSION = 1  # of what is written; another version is another lake
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
PAGES = {"docx": (pages_docx.docx, DOCX), "pdf": (pages_pdf.pdf, "application/pdf"), "pptx": (pages_pptx.pptx, PPTX)}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of each part a lake of scale 1 has."""

    digits_train: int = 12  # each of ten classes
    digits_test: int = 4  # each of ten classes
    digits_named: int = 80
    digits_listed: int = 60
    tones_train: int = 3  # each of ten classes
    tones_test: int = 2  # each of ten classes
    tones_named: int = 40
    pairs: int = 150
    shapes: int = 30  # each of four classes
    documents: int = 5  # each of four classes and three formats
    videos: int = 8  # each of four classes
    sums: int = 300  # each of two files
    problems_train: int = 160
    problems_test: int = 40
    formulas: int = 300
    entailments: int = 300
    causal_sentences: int = 240
    choices: int = 200
    members: int = 40  # each of eight concepts
    requests: int = 30  # each of eight intents
    notes: int = 12


DEFAULT = Sizes()


@dataclass(frozen=True, kw_only=True)
class SampleSummary:
    """What was written. `skipped` names what could not be written here, and why."""

    folder: Path
    truth: Path
    files: dict[str, int]  # modality -> files, ignored ones left out
    examples: int
    pairs: int
    size_bytes: int
    seconds: float
    skipped: tuple[str, ...]


def write(folder: Path, *, seed: int = 7, scale: float = 1.0) -> SampleSummary:
    """Write the lake to `folder` and its truth to `<folder>.truth`: the same bytes for the same seed and scale.

    A sample that is there already, of the same seed and scale, is left as it is. Raises InvalidSetting for a scale
    that is not positive and for a folder that holds anything else.
    """
    started, folder = time.monotonic(), Path(folder).absolute()
    if not scale > 0:
        raise InvalidSetting(source="sample", field="scale", value=scale, problem="it must be above 0", fix="Give 1 for the usual size.")
    truth, about = folder.with_name(f"{folder.name}.truth"), {"version": VERSION, "seed": seed, "scale": scale}
    if folder.is_dir() and any(folder.iterdir()):
        _check_same(folder, truth, about)
    else:
        _write_new(folder, truth, about, seed, scale)
    return _summary(folder, truth, time.monotonic() - started)


def _write_new(folder: Path, truth: Path, about: dict[str, float], seed: int, scale: float) -> None:
    attempt = folder.with_name(f".{folder.name}.writing")  # renamed when whole: nobody reads half a lake
    shutil.rmtree(attempt, ignore_errors=True)
    attempt.mkdir(parents=True)
    lake = Lake(attempt, folder.name, seed, scale)
    for part in (_digits, _tones, _pairs, _shapes, _documents, _videos, _math, _logic, _causal, _concepts, _notes, plant):
        part(lake)
    shutil.rmtree(truth, ignore_errors=True)
    lake.write_truth(truth, about)
    if folder.is_dir():
        folder.rmdir()
    attempt.rename(folder)


def _check_same(folder: Path, truth: Path, about: dict[str, float]) -> None:
    record = truth / "sample.json"
    found = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    if any(found.get(key) != value for key, value in about.items()):
        problem = f"it holds a sample of {found}" if found else "it holds files that are no sample"
        raise InvalidSetting(source="sample", field="folder", value=str(folder), problem=problem, fix="Delete it, or name another folder.")


def _summary(folder: Path, truth: Path, seconds: float) -> SampleSummary:
    rows = (truth / "files.csv").read_text(encoding="utf-8").splitlines()[1:]
    fields = [row.split(",") for row in rows]  # paths hold no commas
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return SampleSummary(
        folder=folder,
        truth=truth,
        files=dict(sorted(Counter(row[1] for row in fields if row[3] != "ignored").items())),
        examples=len((truth / "examples.jsonl").read_text(encoding="utf-8").splitlines()),
        pairs=len((truth / "pairs.csv").read_text(encoding="utf-8").splitlines()) - 1,
        size_bytes=sum(sizes),
        seconds=seconds,
        skipped=tuple(json.loads((truth / "sample.json").read_text(encoding="utf-8"))["skipped"]),
    )


# ------------------------------------------------------------------------------------------ pictures and sounds


def _labelled(lake: Lake, path: str, data: bytes, media_type: str, *, task: str, label: str, form: str, split: str | None = None) -> None:
    """One file of a media task."""
    modality = "document" if task == "documents" else media_type.partition("/")[0]
    lake.add(path, data, modality=modality, media_type=media_type, label=label, form=form)
    lake.example(path, task=task, subject=modality, kind="classification", target=label, split=split)


def _picture(words: Words) -> tuple[str, str]:
    """A format, drawn regardless of the class."""
    extension = words.one(("png", "png", "png", "jpg", "jpg", "bmp", "gif", "tiff"))
    return extension, pictures.FORMATS[extension]


def _digits(lake: Lake) -> None:
    words = Words(lake.rng("digits"))
    for split, each in (("train", DEFAULT.digits_train), ("test", DEFAULT.digits_test)):
        for number in range(lake.count(each, 2)):
            for value in range(10):
                extension, media_type = words.one((("png", "image/png"), ("jpg", "image/jpeg")))
                data = pictures.encode(pictures.digit(words.rng, value), extension)
                path = f"images/digits/{split}/{value}/d{number * 10 + value:03}.{extension}"
                _labelled(lake, path, data, media_type, task="images/digits", label=str(value), form="class_folders", split=split)
    for number in range(lake.count(DEFAULT.digits_named, 40)):
        value = number % 10
        data = pictures.encode(pictures.digit(words.rng, value), "png")
        path = f"images/meter_readings/{number:04}-num{value}.png"
        _labelled(lake, path, data, "image/png", task="images/meter_readings", label=str(value), form="file_name")
    rows = []
    for number in range(lake.count(DEFAULT.digits_listed, 20)):
        value, name = (number * 7 + 3) % 10, f"photos/h{number:03}.jpg"
        data = pictures.encode(pictures.digit(words.rng, value), "jpg")
        _labelled(lake, f"images/house_numbers/{name}", data, "image/jpeg", task="images/house_numbers", label=str(value), form="manifest")
        rows.append({"file": name, "label": str(value)})
    lake.table("images/house_numbers/labels.csv", rows)


def _tones(lake: Lake) -> None:
    words = Words(lake.rng("tones"))
    for split, each in (("train", DEFAULT.tones_train), ("test", DEFAULT.tones_test)):
        for number in range(lake.count(each, 2)):
            for value in range(10):
                data = tones.encode(tones.dial(words.rng, value), "wav")
                path = f"audio/tones/{split}/{value}/t{number * 10 + value:03}.wav"
                _labelled(lake, path, data, "audio/wav", task="audio/tones", label=str(value), form="class_folders", split=split)
    for number in range(lake.count(DEFAULT.tones_named, 40)):
        value, phone = number % 10, ("hall", "office", "shop")[number // 10 % 3]
        data = tones.encode(tones.dial(words.rng, value), "flac")
        path = f"audio/keypad/{value}_{phone}_{number:02}.flac"
        _labelled(lake, path, data, "audio/flac", task="audio/keypad", label=str(value), form="file_name")


def _pairs(lake: Lake) -> None:
    words = Words(lake.rng("pairs"))
    for number in range(lake.count(DEFAULT.pairs, 10)):
        value, stem = words.whole(0, 9), f"paired/clip_{number:04}"
        image = f"{stem}.{words.one(('png', 'jpg'))}"
        data = pictures.encode(pictures.digit(words.rng, value), image.rpartition(".")[2])
        lake.add(image, data, modality="image", media_type=pictures.FORMATS[image.rpartition(".")[2]], form="pair")
        lake.add(f"{stem}.wav", tones.encode(tones.dial(words.rng, value), "wav"), modality="audio", media_type="audio/wav", form="pair")
        lake.pairs.append({"image": image, "audio": f"{stem}.wav", "label": str(value)})


def _shapes(lake: Lake) -> None:
    words = Words(lake.rng("shapes"))
    for number in range(lake.count(DEFAULT.shapes, 4)):
        for place, name in enumerate(pictures.SHAPES):
            extension, media_type = _picture(words)
            data = pictures.encode(pictures.shape(words.rng, name), extension)
            path = f"images/shapes/{name}/s{number * 4 + place:03}.{extension}"
            _labelled(lake, path, data, media_type, task="images/shapes", label=name, form="class_folders")


def _documents(lake: Lake) -> None:
    rng, number = lake.rng("documents"), 0
    for _ in range(lake.count(DEFAULT.documents, 2)):
        for extension, (render, media_type) in PAGES.items():
            for layout in papers.LAYOUTS:
                path, number = f"documents/{layout}/doc{number:03}.{extension}", number + 1
                _labelled(lake, path, render(papers.paper(rng, layout)), media_type, task="documents", label=layout, form="class_folders")


def _videos(lake: Lake) -> None:
    if find_spec("av") is None:
        lake.skipped.append("videos: the package av is not installed (extra `video`)")
        return
    rng = lake.rng("videos")
    extensions = ("mp4", "mp4", "mp4", "mp4", "mp4", "avi", "mov", "mkv")
    for number in range(lake.count(DEFAULT.videos, 4)):
        extension = extensions[number % len(extensions)]
        for place, name in enumerate(pictures.SHAPES):
            take = 11 * (number * 4 + place) + 3  # far apart: neighbouring numbers look like cuts of one recording
            count = int(rng.integers(14, 25))
            data = clips.encode(clips.frames_of(rng, name, count), clips.sound_of(rng, name, count / clips.FPS), extension)
            _labelled(lake, f"videos/{name}_{take:04}.{extension}", data, clips.CONTAINERS[extension], task="videos", label=name, form="file_name")


# ---------------------------------------------------------------------------------------------------- texts


def _math(lake: Lake) -> None:
    words = Words(lake.rng("math"))
    rows = sums.sums(words, 2 * lake.count(DEFAULT.sums, 40))
    half = len(rows) // 2
    told = {"task": "texts/arithmetic", "subject": "math", "kind": "generation", "target": "result"}
    lake.records("texts/arithmetic/sums.txt", rows[:half], format="lines", **told)
    lake.records("texts/arithmetic/more.jsonl", rows[half:], format="jsonl", **told)
    taken: set[str] = set()
    for split, count in (("train", DEFAULT.problems_train), ("test", DEFAULT.problems_test)):
        rows = sums.problems(words, lake.count(count, 24), taken)
        path = f"texts/word_problems/{split}.jsonl"
        lake.records(path, rows, format="jsonl", task="texts/word_problems", subject="math", kind="generation", target="Answer", split=split)


def _logic(lake: Lake) -> None:
    words = Words(lake.rng("logic"))
    told = {"subject": "logic", "kind": "classification", "target": "label"}
    lake.records("texts/logic/formulas.csv", reasoning.formulas(words, lake.count(DEFAULT.formulas, 45)), format="csv", task="texts/logic/formulas.csv", **told)
    rows = reasoning.entailments(words, lake.count(DEFAULT.entailments, 45))
    lake.records("texts/logic/entailment.jsonl", rows, format="jsonl", task="texts/logic/entailment.jsonl", **told)


def _causal(lake: Lake) -> None:
    words = Words(lake.rng("causal"))
    rows, task = causes.sentences(words, lake.count(DEFAULT.causal_sentences, 30)), "texts/causal/cause_effect.csv"
    lake.records(task, rows, format="csv", task=task, subject="causal", kind="classification", target="label")
    rows, task = causes.choices(words, lake.count(DEFAULT.choices, 20)), "texts/causal/choices.jsonl"
    lake.records(task, rows, format="jsonl", task=task, subject="causal", kind="choice", target="label")


def _concepts(lake: Lake) -> None:
    words = Words(lake.rng("concepts"))
    for concept in concepts.CONCEPTS:
        names, path = concepts.members(words, concept, lake.count(DEFAULT.members, 10)), f"texts/concepts/{concept}.json"
        lake.add(path, json.dumps(names, indent=1).encode(), modality="text", media_type="application/json", form="records", label=concept)
        for index in range(len(names)):
            lake.example(path, task="texts/concepts", subject="concept", kind="classification", target=concept, record=index)
    rows, task = concepts.requests(words, lake.count(DEFAULT.requests, 6)), "texts/assistant/requests.csv"
    lake.records(task, rows, format="csv", task=task, subject="concept", kind="classification", target="intent")


def _notes(lake: Lake) -> None:
    words = Words(lake.rng("notes"))
    topics = tuple(TOPICS)
    names = ("spring walk", "été à Paris", "library visit", "garden plan", "old harbour", "meeting", "first snow", "bridge survey", "field day", "night watch")
    for number in range(lake.count(DEFAULT.notes, 3)):
        extension, media_type = ("md", "text/markdown") if number % 3 == 2 else ("txt", "text/plain")
        text = "\n\n".join(" ".join(words.sentences(words.one(topics), words.whole(4, 7))) for _ in range(words.whole(2, 4)))
        title = names[number % len(names)] + (f" {number // len(names) + 1}" if number >= len(names) else "")
        heading = f"# {title.capitalize()}\n\n" if extension == "md" else ""
        lake.add(f"texts/notes/{title}.{extension}", f"{heading}{text}\n".encode(), modality="text", media_type=media_type)
