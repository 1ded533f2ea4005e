"""What a plug-in is and what the stages hand each other: Modality, Check, Adapter, ModelSpec, TaskData, the event sink.

Plug-ins are frozen values. A file in `modalities/`, `checks/`, `adapters/` or `models/` ends in one of them, under
the name MODALITY, CHECK, ADAPTER or MODEL; an external package offers one by an entry point of the group
`unified_assets.modalities` (…`checks`, `adapters`, `models`). Nothing else has to be edited.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, runtime_checkable

import numpy as np

from unified_assets.core.media import Decoded, DecodedText

if TYPE_CHECKING:  # decoding processes need no table library
    import polars as pl

# ---------------------------------------------------------------------------------------------- modalities


@dataclass(frozen=True, kw_only=True)
class Modality:
    """A kind of file. `probe` reads headers only; `decode` reads it all, within stated bounds.

    Both get a seekable binary stream opened on a regular file, run inside a guarded worker process, and raise
    `UnreadableFile(reason)` for what cannot be read. Any other exception becomes a row too, under its class name.
    """

    name: str
    description: str
    media_types: frozenset[str]
    probe: Callable[[BinaryIO, str], Mapping[str, Any]]  # (stream, media_type) -> columns of the catalog
    decode: Callable[[BinaryIO, str], Decoded]
    glance: Callable[[BinaryIO, str], Decoded] | None = None  # `decode` with what judging the quality does not need left out
    views: tuple[str, ...]  # what models can be given of it, the first one being the whole: ("document.page", "document.text" …)
    extensions: Mapping[str, str]  # usual extension without dot -> media type
    good: Callable[[], tuple[bytes, str]]  # a small valid file and its media type, for the contract test
    bad: Callable[[], tuple[bytes, str]]  # one that looks like it and cannot be decoded


# -------------------------------------------------------------------------------------------------- checks


@dataclass(frozen=True, kw_only=True)
class Check:
    """One named quality issue of one modality, measured on the decoded file.

    `measure` returns (value, detail); `fails` compares with `threshold`. A reject-check says the file cannot be learned from.
    """

    name: str
    modality: str
    severity: str  # warn or reject
    description: str
    unit: str
    threshold: float
    fails: Callable[[float, float], bool]  # (value, threshold)
    measure: Callable[[Decoded], tuple[float, str]]
    good: Callable[[], Decoded]
    bad: Callable[[], Decoded]
    penalty: float = 15.0  # points of 100 a warning costs
    habitual: bool = False  # where most files of a folder fail it, the folder was made so: not counted against its files
    peculiar: bool = False  # counts only against a file whose folder has others of its modality, nearly all of which pass it


# ------------------------------------------------------------------------------------------------ adapters


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of an example. Media: `path` (+ locator). Record fields: `text`, with the file they stand in and a locator."""

    role: str
    path: str
    locator: str | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProposedExample:
    """An example an adapter found. `group` names what must stay on one side.

    `split` is what the data declares, outermost first (`train`, `train/valid`), or None; allocation decides which level counts.
    """

    inputs: tuple[Input, ...]
    target: str
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One label space found in the data."""

    root: str  # source root, relative to the raw root ("" is the raw root itself); split folders are not part of it
    form: str  # stable name of the label form inside that root, e.g. `class_folders`, `file_name:prefix`, `train.csv:category`
    subject: str  # image audio video document image_text causal math logic concept
    kind: str  # a member of tables.KINDS
    roles: tuple[str, ...]
    examples: tuple[ProposedExample, ...]
    adapter: str
    label_sources: tuple[str, ...] = ()  # paths read for labels or records
    withheld: tuple[str, ...] = ()  # "field: reason" for each field kept out of the inputs
    class_map: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


@runtime_checkable
class LakeView(Protocol):
    """What an adapter may look at. Nothing is read before it is asked for; parsed files are kept for the next adapter."""

    files: "pl.DataFrame"  # usable files only (status ok, not rejected): the columns of `catalog` + decision, duplicate_of

    def text(self, path: str) -> DecodedText:
        """The decoded text of a text file, cut at a stated length."""

    def records(self, path: str) -> "Records | None":
        """The flat records of a csv, tsv, json, jsonl or xml file; None where it holds none."""

    def roles(self, path: str) -> Mapping[str, str]:
        """Field → role (label, split, group, ignore or an input role), where `unified.yaml` says so for this record file."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """Flat records of one file. `origin` says which part of the file they are (a key of a dict-of-lists, an element name).

    Values are str; nested values are JSON text. `splits` is the declared split of each row by folder, file name and key, outermost first, or None.
    """

    path: str
    rows: tuple[Mapping[str, str], ...]
    fields: tuple[str, ...]
    format: str  # csv tsv json jsonl xml lines
    splits: tuple[str | None, ...]
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A form labels take. `propose` reads a lake view and yields the label spaces it finds.

    It must not guess wildly: a form that less than a stated share of the files agree on is no form.
    """

    name: str
    description: str
    propose: Callable[[LakeView], Iterable[Proposal]]
    example: Callable[[Path], None]  # writes a small folder of this form, for the contract test
    expected: Mapping[str, str]  # path (or path#record=N) -> target, what `propose` must find in it


# -------------------------------------------------------------------------------------------------- models


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What one training step needs. Cores are leased for a round, memory for the life of the step."""

    min_cores: int = 1
    max_cores: int = 1
    memory_gib: float = 1.0
    gpu_memory_gib: float = 2.0  # used only when the device is a GPU; counts the CUDA context


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A view of a decoded file → arrays of fixed shape, computed once and kept as memory-mapped tensors.

    `encode(decoded, locator)` returns one array for every key of `arrays`; shapes exclude the batch axis.
    """

    name: str
    version: str
    view: str  # image audio document.page document.picture video video.frames video.sound
    arrays: Mapping[str, tuple[str, tuple[int, ...]]]  # name -> (numpy dtype, shape)
    encode: Callable[[Decoded, str | None], Mapping[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """One label space as a model sees it. JSON-able: this is what a registered model keeps of its tasks."""

    task: str
    subject: str
    kind: str
    roles: tuple[str, ...]
    classes: tuple[str, ...]
    metric: str  # accuracy, exact_match, mean_absolute_error …

    def as_dict(self) -> dict[str, Any]:
        """The JSON object a registered model keeps."""
        return {"task": self.task, "subject": self.subject, "kind": self.kind, "roles": list(self.roles), "classes": list(self.classes), "metric": self.metric}

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> "TaskInfo":
        """The inverse of `as_dict`."""
        return TaskInfo(
            task=value["task"],
            subject=value["subject"],
            kind=value["kind"],
            roles=tuple(value["roles"]),
            classes=tuple(value["classes"]),
            metric=value["metric"],
        )


EncoderKind = Literal["text", "image"]  # what a pretrained encoder reads: a preset names one of each as `pretrained_<kind>`


class PretrainedVectors(Protocol):
    """A pretrained encoder. `digest` tells encoders apart, `name` is for people, `folder` holds it."""

    @property
    def kind(self) -> EncoderKind:
        """What it reads."""

    @property
    def digest(self) -> str:
        """Hash of its content."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def width(self) -> int:
        """Of its vectors."""

    @property
    def folder(self) -> Path:
        """Where it lies."""


class SentenceVectors(PretrainedVectors, Protocol):
    """Vectors of texts by a pretrained encoder."""

    @property
    def layers(self) -> int:
        """How many of its last layers a learner learns on; 0: none, all is frozen."""

    def network(self) -> Any:
        """The encoder itself (`learners.pretrained_text_torch.SentenceEncoder`), for a learner that learns its last layers on."""

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """(n, width) float32 of unit length."""


class PictureVectors(PretrainedVectors, Protocol):
    """Vectors of pictures by a pretrained encoder."""

    def of(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """pictures: n arrays (side, side, 3) uint8 → (n, width) float32 of unit length."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WordVectors:
    """What all training texts of a run say of words, the same for every model that reads it.

    words: most frequent first; counts: (n,) int64 how often each stands in the texts; vectors: (n, width) float32.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskData:
    """The rows of one task (or of the unlabelled pairs) for one model, in order of example_id.

    texts[role]: n strings. media[role]: which encoder and which row of its arrays, -1 where an example lacks that role.
    target: (n,) int64 class or option index for classification, pair and choice; (n,) float32 for regression; n strings for
    generation; None when unlabelled. options: per row the texts to choose from (choice only). word_vectors: those that the models
    of a run share, for a learner to copy into its own state; None where each model learns its own. sentence_vectors,
    picture_vectors: those of a pretrained encoder, where the preset names one and the model reads it.
    """

    info: TaskInfo
    example_ids: tuple[str, ...]
    texts: Mapping[str, Sequence[str]]
    media: Mapping[str, tuple[str, np.ndarray]]  # role -> (encoder name, (n,) int64 rows)
    arrays: Mapping[str, Mapping[str, np.ndarray]]  # encoder name -> array name -> (items, …) memory-mapped
    target: np.ndarray | Sequence[str] | None
    split: np.ndarray  # (n,) of str
    options: Sequence[Sequence[str]] | None = None
    groups: tuple[str, ...] = ()
    word_vectors: WordVectors | None = None
    sentence_vectors: SentenceVectors | None = None
    picture_vectors: PictureVectors | None = None

    def __len__(self) -> int:
        return len(self.example_ids)

    def rows(self, *splits: str) -> np.ndarray:
        """(k,) int64 indices of the rows on the given sides."""
        return np.flatnonzero(np.isin(self.split, splits)).astype(np.int64)

    def gather(self, role: str, array: str, rows: np.ndarray) -> np.ndarray:
        """(k, …) the encoded array of a role for these rows; an example without the role gets zeros."""
        encoder, index = self.media[role]
        source = self.arrays[encoder][array]
        chosen = index[rows]
        out = np.asarray(source[np.maximum(chosen, 0)]) if len(source) else np.zeros((len(rows), *source.shape[1:]), source.dtype)
        if (chosen < 0).any():
            out = out.copy()
            out[chosen < 0] = 0
        return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """What a model says of some rows. log_probs: (k, classes or options) float32, or None for generation; answers: k strings."""

    answers: Sequence[str]
    confidence: np.ndarray  # (k,) float32 in [0, 1]
    log_probs: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """A reference learned on the train and validation sides and scored on the test side, and how it was made."""

    majority: float | None
    baseline: float | None
    method: str
    cpu_s: float
    predictions: tuple[str, ...] = ()  # the baseline's answer for each test row


class Learner(Protocol):
    """A torch.nn.Module with these methods besides. Everything it needs to predict is in its blueprint and state_dict.

    `blueprint` is JSON-able and says how to build it: tasks, class names, sizes, vocabulary. Randomness only from torch's
    default generator, which the training loop seeds; no state outside parameters and buffers, except caches that are a pure
    function of the data. A learner with nothing to optimise (a parser) may return a loss without gradient and no optimizers.
    One whose `predict` looks several times may have a `quick_predict` of the same form besides, for answers to unlabelled pairs.
    One that weighs its parts may have a `settle(tasks)`, which sets those weights, buffers, by the validation side before each
    validation, and a `head_of(task)` that says in words which part answers. One that reads a pretrained encoder may have an
    `encoder_gave(task)`: shares of right answers to validation rows of a part of it without and with the vectors, or None.
    One with a shared encoder for a kind of input may name it in `trunks()`, kind to module, for models to go on from each other's.
    One with a space for several kinds may show it: `sides_of(pairs)` gives (role, kind) of what pairs hold, `has_side(pairs, side)`
    (n,) bool, `embed_side(pairs, side, rows)` (k, width) vectors of unit length; retrieval is measured there. It may answer from there:
    `settle_space(tasks, pairs, kinds, weigh=…)` comes after each `settle`, and without `weigh`, which leaves what it has decided, after
    the refit; `kinds` are those whose held-out files find their partners far beyond chance.
    One whose weights start from what was fitted to the train side may have a `started()`, tensors by name, and a
    `refit_statistics(tasks, started)`, which is given them as they were after `fit_statistics` and lets the validation side count
    too, beside what was learned since, before the refit.
    """

    blueprint: Mapping[str, Any]

    def fit_statistics(self, tasks: Sequence[TaskData], pairs: "TaskData | None") -> None:
        """Set buffers from the train side once, before round 1 (document frequencies, standardisation). Deterministic."""

    def optimizers(self, learning_rate: float) -> list[Any]:
        """The torch optimizers, each over its own parameters; the loop scales their rates by the schedule."""

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Any | None = None) -> Any:
        """Scalar loss of these rows of a task; with `soft_targets` (k, classes) instead of `data.target` (peer teaching)."""

    def pair_loss(self, pairs: TaskData, rows: np.ndarray) -> Any | None:
        """Self-supervised loss on unlabelled pairs (contrastive), or None where the model has none."""

    def predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """Answers in evaluation mode, without gradient. For unlabelled pairs, `data.info` names the task whose head answers."""


DEFAULT_METRICS: Mapping[str, str] = MappingProxyType(
    {
        "classification": "accuracy",
        "choice": "accuracy",
        "pair": "accuracy",
        "generation": "exact_match",
        "tagging": "accuracy",
        "regression": "mean_absolute_error",
    }
)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model: what it takes, what it needs, how it is built, what it is compared with."""

    name: str
    version: str  # code version: change it to retrain; a comment must not
    description: str
    modalities: tuple[str, ...]  # files it takes directly
    subjects: frozenset[str]  # of tasks it can learn
    kinds: frozenset[str]  # of tasks it can learn
    encoders: Mapping[str, Encoder]  # role -> encoder, for media roles; a role without one is text
    derived: Mapping[str, str] = field(default_factory=dict)  # view of other modalities it takes -> the role it becomes
    pair_roles: tuple[str, ...] = ()  # roles of unlabelled pairs it can use: ("image",), ("image", "audio") …
    teaches: frozenset[str] = frozenset()  # models that may learn from its predictions on pairs
    needs: Needs = Needs()
    metric: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_METRICS))
    learning_rate: float = 2e-3
    blueprint: Callable[[Sequence[TaskData], "TaskData | None"], Mapping[str, Any]]  # tasks, pairs -> JSON
    build: Callable[[Mapping[str, Any]], Learner]  # parameters from torch's default generator
    baseline: Callable[[TaskData], BaselineScore]
    image_side: int | None = None
    words: Literal["gives", "shares"] | None = None  # its training texts go into the word vectors of a run; with `shares`, it reads them too
    pretrained: EncoderKind | None = None  # which encoder of the preset its learner reads: as `sentence_vectors` or as `picture_vectors` of a TaskData
    steps_by: Literal["size", "need"] = "size"  # how tasks share the steps: by the root of their size, or by what validation says they lack too


# -------------------------------------------------------------------------------------------------- events


class EventSink(Protocol):
    """What training reports to. Training imports neither Dagster nor MLflow; whoever runs it passes one of these."""

    def log(self, message: str) -> None:
        """A line for the step's log."""

    def waiting(self, what: str) -> None:
        """The step waits (for a lease, a peer, disk space): a waiting step must not look idle."""

    def round_done(self, row: Mapping[str, Any], scores: Mapping[str, float | None], eta_s: float | None) -> None:
        """A round ended: a row of `rounds` and the validation score of each task."""

    def result(self, task: str, values: Mapping[str, Any]) -> None:
        """The final figures of a task: metric, score, majority, baseline, alone, train, valid, test."""

    def trial(self, number: int, parameters: Mapping[str, object]) -> "AbstractContextManager[EventSink]":
        """A trial begins: who is told of its rounds, until the block ends."""


class SilentSink:
    """An event sink that drops everything; for tests and benchmarks."""

    def log(self, message: str) -> None:
        """Drop it."""

    def waiting(self, what: str) -> None:
        """Drop it."""

    def round_done(self, row: Mapping[str, Any], scores: Mapping[str, float | None], eta_s: float | None) -> None:
        """Drop it."""

    def result(self, task: str, values: Mapping[str, Any]) -> None:
        """Drop it."""

    def trial(self, number: int, parameters: Mapping[str, object]) -> "AbstractContextManager[EventSink]":  # noqa: ARG002 - part of the protocol
        """Drop what it says, too."""
        return nullcontext(self)
