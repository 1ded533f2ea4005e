"""Catalog rows and what was measured in; score, issues and decision of each file out."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unified_assets.core.contracts import Check

HABITUAL_FILES = 20  # a folder of so many files …
HABITUAL_SHARE = 0.5  # … more than this share of which fail a habitual check was made so
PECULIAR_FILES = 5  # a peculiar check counts in a folder of at least so many files …
PECULIAR_SHARE = 0.2  # … at most this share of which fail it
DUPLICATE_PENALTY = 5.0
EXTENSION_PENALTY = 5.0

Issue = dict[str, Any]

DESCRIPTIONS: Mapping[str, str] = {
    "duplicate": "The same bytes as another file. Copies are one unit of learning.",
    "near_duplicate": "Almost the same picture, text or sound as another file: scaled, compressed, cut or revised. Both stay on one side of every split.",
    "wrong_extension": "The content is of another kind than the file's extension says. The content is believed.",
    "excluded": "A pattern under `reject` in unified.yaml matches the path.",
    "encrypted": "A password is needed to read it.",
    "truncated": "The file ends before its content does.",
    "timeout": "Decoding took longer than the time limit for one file.",
    "out_of_memory": "Decoding needed more memory than one file may use.",
    "crash": "The decoder crashed on it.",
    "corrupt": "What is inside does not follow its format.",
    "corrupt_header": "The beginning of the file does not follow its format.",
    "unknown_format": "The content is of no format that is known here.",
    "not_regular": "A FIFO, a socket, a device or a folder: nothing that can be read as a file.",
    "no_permission": "This program may not read it.",
    "not_found": "It was gone when it was read.",
    "still_being_written": "It changed while it was read; the next scan looks again.",
    "too_many_pixels": "More pixels than one image may have.",
    "no_sound_track": "There is no sound in it.",
    "install_extra_video": "Videos need the optional extra `video` (PyAV) to be installed.",
    "bomb": "A small file that would unpack to an enormous one.",
    "unsupported": "No modality reads this type of file.",
    "link": "A symbolic link; links are not followed.",
}


@dataclass(kw_only=True)
class Verdict:
    """What is said of one file. `failure` is the reason why it has no measured values."""

    path: str
    file_id: str | None
    modality: str
    failure: tuple[str, str] | None = None
    issues: list[Issue] = field(default_factory=list)
    lost: float = 0.0
    duplicate_of: str | None = None
    near_duplicate_group: str | None = None
    accepted: bool = False  # by unified.yaml, whatever the checks say

    def add(self, issue: Issue, penalty: float) -> None:
        """Note an issue and what it costs of 100 points."""
        self.issues.append(issue)
        self.lost += penalty

    def row(self) -> dict[str, Any]:
        """The row of the quality table."""
        rejected = any(issue["severity"] == "reject" for issue in self.issues)
        decision = "reject" if rejected else "warn" if self.issues else "accept"
        return {
            "path": self.path,
            "file_id": self.file_id,
            "modality": self.modality,
            "score": 0.0 if rejected else max(0.0, 100.0 - self.lost),
            "decision": decision,
            "issues": sorted(self.issues, key=lambda issue: (issue["severity"], issue["name"])),
            "duplicate_of": self.duplicate_of,
            "near_duplicate_group": self.near_duplicate_group,
        }


def issue(name: str, severity: str, *, value: float | None = None, threshold: float | None = None, detail: str = "") -> Issue:
    """An entry of the column `issues`."""
    return {"name": name, "severity": severity, "value": value, "threshold": threshold, "detail": detail}


def failure_name(reason: str) -> str:
    """The name of an issue for the reason of a failure: its first words in snake case (`zip bomb: 4 GiB` → `zip_bomb`)."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", reason.split(":", 1)[0])
    return re.sub(r"\W+", "_", words).strip("_").lower()[:48] or "unreadable"


def judge(verdicts: Iterable[Verdict], values: Mapping[str, Iterable[Mapping[str, Any]]], checks: Mapping[str, Check]) -> None:
    """Add the issues of failed checks, and of files that could not be measured. values: path → measured checks."""
    listed = list(verdicts)
    habits = _habits(listed, values, checks)
    for verdict in listed:
        if verdict.failure is not None:
            reason, detail = verdict.failure
            verdict.add(issue(failure_name(reason), "reject", detail=detail or reason), 100.0)
            continue
        failed = [(checks[entry["name"]], entry) for entry in values.get(verdict.path, ()) if _counts(checks.get(entry["name"]), entry, verdict.path, habits)]
        rejecting = [pair for pair in failed if pair[0].severity == "reject"]
        for check, measured in rejecting or failed:  # that a blank picture is bright as well says nothing
            severity = "warn" if verdict.accepted else check.severity
            found = issue(check.name, severity, value=measured["value"], threshold=float(check.threshold), detail=measured["detail"])
            verdict.add(found, check.penalty)


def _habits(verdicts: Iterable[Verdict], values: Mapping[str, Iterable[Mapping[str, Any]]], checks: Mapping[str, Check]) -> set[tuple[str, str]]:
    """(folder, check) pairs where the folder as a whole is so."""
    measured: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for verdict in verdicts:
        for entry in values.get(verdict.path, ()):
            check = checks.get(entry["name"])
            if check is not None and (check.habitual or check.peculiar):
                key = (_folder(verdict.path), check.name)
                measured[key] += 1
                failed[key] += _fails(check, entry["value"])
    return {key for key, count in measured.items() if _is_habit(checks[key[1]], count, failed[key])}


def _is_habit(check: Check, count: int, failed: int) -> bool:
    """Whether failing this check says nothing in a folder of so many files, so many of which fail it."""
    if check.peculiar:
        return count < PECULIAR_FILES or failed > PECULIAR_SHARE * count
    return count >= HABITUAL_FILES and failed > HABITUAL_SHARE * count


def _counts(check: Check | None, entry: Mapping[str, Any], path: str, habits: set[tuple[str, str]]) -> bool:
    return check is not None and _fails(check, entry["value"]) and (_folder(path), check.name) not in habits


def _fails(check: Check, value: float) -> bool:
    return bool(check.fails(float(value), float(check.threshold)))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
