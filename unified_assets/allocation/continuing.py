"""Label spaces of now and those of the last allocation in; which of them is one of those under another name, out.

A task is named by the folder it lies in. Where that folder moves, or a second one beside it joins the task, most of what was learned
is there under a new name: it goes on under the old one, so that its examples, heads and scores stay what they were.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import polars as pl
import xxhash

from unified_assets.core.contracts import Input, Proposal

SHARED = 0.5  # of what a task learned from must be there under the new name

Key = tuple[str, str]


def continued(found: Mapping[str, Proposal], files: pl.DataFrame, tasks: pl.DataFrame, published: Callable[[], pl.DataFrame]) -> dict[str, str]:
    """New id → the id that the task had before. `tasks`: as last published; `published`: reads the examples published with them."""
    gone = tasks.filter(~pl.col("task").is_in(list(found)))
    fresh = {name: proposal for name, proposal in found.items() if name not in set(tasks["task"])}
    if gone.is_empty() or not fresh:
        return {}
    examples = published()
    file_ids = dict(files.select("path", "file_id").iter_rows())
    content = {name: _of_proposal(proposal, file_ids) for name, proposal in fresh.items()}
    renamed: dict[str, str] = {}
    for row in gone.sort("examples", "task", descending=[True, False]).iter_rows(named=True):
        before = _of_examples(examples.filter(pl.col("task") == row["task"])["inputs"].to_list())
        shared = {
            name: len(before & content[name])
            for name, proposal in fresh.items()
            if name not in renamed and (proposal.subject, proposal.kind) == (row["subject"], row["kind"])
        }
        best = max(sorted(shared), key=shared.__getitem__, default=None)
        if best is not None and before and shared[best] >= SHARED * len(before):
            renamed[best] = row["task"]
    return renamed


def _of_proposal(proposal: Proposal, file_ids: Mapping[str, str | None]) -> set[Key]:
    return {_key(_input(value, file_ids)) for example in proposal.examples for value in example.inputs}


def _input(value: Input, file_ids: Mapping[str, str | None]) -> Mapping[str, str | None]:
    return {"text": value.text, "file_id": file_ids.get(value.path), "locator": value.locator}


def _of_examples(inputs: Iterable[Sequence[Mapping[str, str | None]]]) -> set[Key]:
    return {_key(value) for row in inputs for value in row}


def _key(value: Mapping[str, str | None]) -> Key:
    """What an input is, wherever it lies: its text, else its file's content and the place in it."""
    text = value["text"]
    if text is not None:
        return "text", xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))
    return value["file_id"] or "", value["locator"] or ""
