"""Names of files, folders and fields in; words, fields and declared splits out."""

import re
from functools import lru_cache

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "trainset": "train",
    "dev": "valid",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "devel": "valid",
    "development": "valid",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "eval": "test",
    "evaluation": "test",
    "heldout": "test",
    "训练": "train",
    "训练集": "train",
    "验证": "valid",
    "验证集": "valid",
    "测试": "test",
    "测试集": "test",
    "تدريب": "train",
    "اختبار": "test",
    "אימון": "train",
    "מבחן": "test",
}
STRUCTURAL_WORDS = frozenset(
    [
        "image",
        "images",
        "img",
        "imgs",
        "jpegimages",
        "picture",
        "pictures",
        "photo",
        "photos",
        "photograph",
        "frame",
        "frames",
        "audio",
        "audios",
        "wav",
        "wavs",
        "sound",
        "sounds",
        "recording",
        "recordings",
        "video",
        "videos",
        "clip",
        "clips",
        "movie",
        "movies",
        "annotation",
        "annotations",
        "label",
        "labels",
        "mask",
        "masks",
        "data",
        "dataset",
        "datasets",
        "raw",
        "files",
        "file",
        "docs",
        "documents",
        "texts",
        "text",
        "assets",
        "src",
        "source",
        "tmp",
        "temp",
        "output",
        "outputs",
        "input",
        "inputs",
        "metadata",
        "meta",
        "box",
        "boxes",
        "json",
        "csv",
        "xml",
        "txt",
        "licenses",
        "license",
        "all",
        "misc",
        "samples",
        "sample",
    ]
)
_KINDS = r"images?|imgs?|pictures?|audios?|wavs?|sounds?|videos?|clips?|frames?|labels?|annotations?|masks?|texts?|data|split|files?"
_SIDES = "|".join(sorted(SPLIT_WORDS, key=len, reverse=True))
_SIDED = re.compile(rf"(?:(?:{_KINDS})[-_ ])?({_SIDES})(?:[-_ ](?:{_KINDS})|[-_ ]?(?:20)?\d\d)?")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+")
_PART = re.compile(r"\d+|[^\W\d_]+")


def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name: `CausalNews_v2` → causal, news, v, 2."""
    return tuple(word.lower() for word in _WORD.findall(name))


def fields_of_name(name: str) -> tuple[tuple[str, ...], str]:
    """(letter and digit runs of a file's stem, the skeleton that shows where they stand): `7_theo` → (("7", "theo"), "0_a")."""
    parts = tuple(_PART.findall(name))
    skeleton = _PART.sub(lambda match: "0" if match.group()[0].isdigit() else "a", name)
    return parts, skeleton


def stem(path: str) -> str:
    """The file name without its last extension."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[:dot] if 0 < dot < len(name) - 1 else name


def extension(path: str) -> str:
    """The last extension in lower case, without its dot; "" where there is none."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if 0 < dot < len(name) - 1 else ""


@lru_cache(maxsize=65_536)
def side_of_folder(name: str) -> str | None:
    """The side that a folder's name declares: `train`, `val2017`, `test_images`, `labels-train`; None for other names."""
    match = _SIDED.fullmatch(name.lower())
    return SPLIT_WORDS[match[1]] if match else None


def declared_split(path: str) -> str | None:
    """The sides that a file's folders declare, outermost first: `train/a/val/1.png` → `train/valid`; None where none does.

    Which of them counts is decided when all examples of a task are known: the outermost level at which they differ.
    """
    return nested(*map(side_of_folder, path.split("/")[:-1]))


def split_of_file(path: str) -> str | None:
    """The sides a data file declares by its folders and then by a word of its name: `test/folio-dev.jsonl` → `test/valid`."""
    return nested(declared_split(path), split_of_value(stem(path)))


def nested(*sides: str | None) -> str | None:
    """Declared sides as one, outermost first."""
    return "/".join(side for side in sides if side) or None


def split_of_value(value: str) -> str | None:
    """The side a column or key declares: `val` → valid, `oos_train` → train."""
    found = {SPLIT_WORDS[word] for word in words(value) if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def without_splits(folder: str) -> str:
    """A folder without its split levels: `a/train/b` → `a/b`."""
    return "/".join(part for part in folder.split("/") if side_of_folder(part) is None)


def is_structural(name: str) -> bool:
    """Whether a folder's name tells what kind of file lies there rather than a class."""
    found = words(name)
    return not found or found[0] in STRUCTURAL_WORDS or side_of_folder(name) is not None


def class_name(folder: str) -> str:
    """A folder name as a class name."""
    return folder.strip()


def parent(path: str) -> str:
    """The folder of a path; "" for the root."""
    return path.rpartition("/")[0]


def common_root(paths: list[str]) -> str:
    """The deepest folder that holds all these folders."""
    split = [path.split("/") if path else [] for path in paths]
    shared: list[str] = []
    for level in zip(*split, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
