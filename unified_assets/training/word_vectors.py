"""Datasets of the models that give words in; the word vectors that models share, made once in a run, out.

They are a pure function of the datasets' training texts: whoever of the run's models comes first makes them, under a lease, and
one that comes after a kill makes the same again. A text that stands on a validation or test side of any task is left out, also
where it stands on a training side too, and every text is counted by itself: a premise is never joined to its answer.

`<run>/word_vectors/<key>.safetensors` holds `words` (bytes, one a line), `counts` (n,) int64 and `vectors` (n, width) float32.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from unified_assets.core.contracts import TaskData, WordVectors
from unified_assets.datasets import load, read_digest
from unified_assets.learners.text_grams import words
from unified_assets.learners.text_plan import method_of
from unified_assets.learners.text_vectors import word_vectors
from unified_assets.store.local import write_text
from unified_assets.training import logs

VERSION = "1"  # of how texts are chosen and vectors made
FOLDER, MADE = "word_vectors", "made.jsonl"
NOT_WORDS = frozenset({"columns", "arithmetic", "formula"})  # methods of tasks whose texts are no language
POLL_S = 0.2


def key_of(datasets: Mapping[str, Path]) -> str:
    """What the vectors of these datasets (model → folder) are known by: equal for equal examples."""
    lines = [f"{model} {read_digest(folder)}" for model, folder in sorted(datasets.items())]
    return xxhash.xxh3_128("\n".join([VERSION, *lines]).encode()).hexdigest()


def file_of(run_dir: Path, key: str) -> Path:
    """Where the vectors of a run lie."""
    return run_dir / FOLDER / f"{key}.safetensors"


def files_of(path: Path) -> list[Path]:
    """All that has to be there for vectors to be read."""
    return [path, path.with_suffix(".digest")]


def shared(
    run_dir: Path, key: str, datasets: Mapping[str, Path], *, lease: Callable[[], AbstractContextManager[Any]], waiting: Callable[[str], None]
) -> WordVectors:
    """The word vectors of a run: read, or made by the first model that asks while the others wait."""
    path = file_of(run_dir, key)
    with _alone(run_dir / FOLDER, waiting):
        found = read(path)
        if found is None:
            with lease():
                found = _make(path, datasets)
        return found


def training_texts(datasets: Iterable[Iterable[TaskData]]) -> list[list[str]]:
    """The words of every text on a training side and on no other, each once; in an order that only the texts decide."""
    train, held = dict[str, list[str]](), set[str]()
    for tasks in datasets:
        for data in tasks:
            if data.texts and method_of(data) not in NOT_WORDS:
                train |= dict(_texts(data, data.rows("train")))
                held |= {text for text, _ in _texts(data, np.flatnonzero(data.split != "train"))}
    kept = [text for text in train if text not in held]
    return [train[text] for text in sorted(kept, key=lambda text: (xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")), text))]


def _texts(data: TaskData, rows: np.ndarray) -> Iterator[tuple[str, list[str]]]:
    """Each text of these rows and its options, as it is compared, and its words."""
    for texts in data.texts.values():
        for row in rows:
            yield " ".join(found := words(texts[row])), found
    for row in rows if data.options is not None else ():
        assert data.options is not None
        for option in data.options[row]:
            yield " ".join(found := words(option)), found


def _make(path: Path, datasets: Mapping[str, Path]) -> WordVectors:
    from safetensors.numpy import save_file
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    started = time.process_time()
    texts = training_texts(_tasks(folder) for _, folder in sorted(datasets.items()))
    with threadpool_limits(limits=1):  # their number would change the last bits
        made = word_vectors(texts)
    lines = np.frombuffer("\n".join(made.words).encode("utf-8", "surrogatepass"), np.uint8)
    tensors = {"words": lines, "counts": made.counts, "vectors": made.vectors}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    save_file(tensors, str(temporary))
    digest = xxhash.xxh3_64(temporary.read_bytes()).hexdigest()
    write_text(path.with_suffix(".digest"), digest)
    temporary.replace(path)
    figures = {"key": path.stem, "texts": len(texts), "tokens": sum(map(len, texts)), "words": len(made.words)}
    logs.append(path.parent / MADE, {**figures, "cpu_s": time.process_time() - started, "digest": digest})
    return made


def _tasks(folder: Path) -> list[TaskData]:
    dataset = load(folder)
    return [*dataset.tasks, *([] if dataset.pairs is None else [dataset.pairs])]


def read(path: Path) -> WordVectors | None:
    """What was made; None where nothing was, or where the file is not what was written."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse

    try:
        content = path.read_bytes()
        if xxhash.xxh3_64(content).hexdigest() != path.with_suffix(".digest").read_text(encoding="utf-8"):
            return None
        tensors = parse(content)
        names = tuple(tensors["words"].tobytes().decode("utf-8", "surrogatepass").split("\n")) if len(tensors["words"]) else ()
        return WordVectors(words=names, counts=tensors["counts"], vectors=tensors["vectors"])
    except (OSError, ValueError, KeyError, SafetensorError):
        return None


@contextmanager
def _alone(folder: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder's lock; it is freed when the process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting("the word vectors of this run, which another model is making")
                time.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)
