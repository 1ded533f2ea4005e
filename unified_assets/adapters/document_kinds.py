"""Documents and scanned pages anywhere in the lake whose folder or name says what kind of paper they are: invoice, receipt, contract.

Kinds of a few files each are the kind `other` together, with what lies in folders beside those that are named after kinds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import declared_split, parent, stem, words
from unified_assets.records.parsing import json_value
from unified_assets.records.places import ancestors
from unified_assets.records.vocabulary import normal

MIN_FILES = 4  # a kind
MIN_ALL = 16
OTHER = "other"
SIDECAR_BYTES = 1 << 14
MOST_FIELDS = 40
IMAGE_LEVELS = 1  # folders above a scanned page that are looked at; above a document all are
_KINDS = {  # the classes of RVL-CDIP and of what offices file, in the words that folders are named with
    "invoice": "invoice invoices rechnung rechnungen facture factures factura facturas fattura fatture 发票 فاتورة فواتير חשבונית חשבוניות",
    "receipt": "receipt receipts quittung kassenbon recibo recibos 收据 小票 إيصال إيصالات קבלה קבלות",
    "contract": "contract contracts agreement agreements vertrag vertrage contrat contrats contrato contratos 合同 عقد عقود חוזה חוזים",
    "tax": "tax taxes 1040 1099 steuer steuern impot impots 税务 纳税 ضرائب מס",
    "form": "form forms formular formulare formulaire formulario 表格 نموذج טופס טפסים",
    "letter": "letter letters lettre lettres carta cartas 信件 信函 رسالة רسائل מכתב מכתבים",
    "memo": "memo memos memorandum memoranda",
    "resume": "resume resumes cv cvs lebenslauf 简历 سيرة",
    "report": "report reports bericht berichte rapport rapports informe informes 报告 تقرير تقارير דוח דוחות",
    "statement": "statement statements kontoauszug 对账单",
    "certificate": "certificate certificates zertifikat certificat certificado 证书 شهادة תעודה",
    "questionnaire": "questionnaire questionnaires survey surveys fragebogen 问卷",
    "budget": "budget budgets",
    "email": "email emails",
    "advertisement": "advertisement advertisements flyer flyers brochure brochures",
    "specification": "specification specifications datasheet datasheets",
    "passport": "passport passports",
}
KIND_OF = {word: kind for kind, names in _KINDS.items() for word in names.split()}


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for the whole lake, where at least two kinds have some files each, documents among them."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    fields = _sidecar_fields(view)
    pages = view.files.filter(pl.col("modality").is_in(["document", "image"])).select("path", "modality").sort("path")
    homes = _homes({parent(path) for path in pages["path"]})
    for path, modality in pages.iter_rows():
        levels = None if modality == "document" else IMAGE_LEVELS
        named = _named(path, levels)
        kind = (next(iter(named)) if len(named) == 1 else None) or _kind_of_fields(_beside(path, fields))
        if kind is None and not named and _beside_kinds(path, levels, homes):
            kind = OTHER
        if kind is not None:
            found[kind].append((path, modality))
    found = _with_others(found)
    files = [(path, modality, kind) for kind, inner in found.items() for path, modality in inner]
    if len(found) < 2 or len(files) < MIN_ALL or all(modality == "image" for _, modality, _ in files):
        return
    counts = Counter(kind for _, _, kind in files)
    yield Proposal(
        root="",  # of the whole lake: the task stays the same one when another folder has such papers
        form="document_kinds",
        subject="document",
        kind="classification",
        roles=("page",),
        examples=tuple(ProposedExample(inputs=(Input(role="page", path=path),), target=kind, split=declared_split(path)) for path, _, kind in sorted(files)),
        adapter=ADAPTER.name,
        withheld=("file and folder names: they are the label", "sidecars: what fields were read off a paper tells its kind"),
        why=f"folders, names or the fields of sidecars say what kind of paper {len(files)} documents and scanned pages are: "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())),
    )


def _sidecar_fields(view: LakeView) -> dict[tuple[str, str], frozenset[str]]:
    """(folder or its parent, stem) → the names of the fields of a small JSON object."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    small = view.files.filter((pl.col("modality") == "text") & (pl.col("size_bytes") <= SIDECAR_BYTES))
    for path in small["path"].sort():
        if not path.lower().endswith(".json"):
            continue
        value = json_value(view.text(path).text)
        if isinstance(value, dict) and 3 <= len(value) <= MOST_FIELDS:
            for folder in {parent(path), parent(parent(path))}:
                found.setdefault((folder, stem(path)), frozenset(normal(str(name)) for name in value))
    return found


def _beside(path: str, fields: dict[tuple[str, str], frozenset[str]]) -> frozenset[str]:
    """The fields of the sidecar in a file's folder or one beside it."""
    return fields.get((parent(path), stem(path))) or fields.get((parent(parent(path)), stem(path)), frozenset())


def _kind_of_fields(fields: frozenset[str]) -> str | None:
    """Who sold, when and for how much is a receipt; with a number, a buyer or a term of payment it is an invoice."""
    told = {word for name in fields for word in words(name)}
    if told & {"invoice", "due", "buyer", "customer", "iban", "po"} and told & {"total", "amount"}:
        return "invoice"
    sold = told & {"company", "merchant", "store", "shop", "seller", "vendor"} and told & {"date"} and told & {"total", "amount"}
    return "receipt" if sold else None


def _with_others(found: Mapping[str, list[tuple[str, str]]]) -> dict[str, list[tuple[str, str]]]:
    """Kinds of enough files; those of fewer are one kind, where it has enough too and not more than all the rest."""
    kept = {kind: files for kind, files in found.items() if len(files) >= MIN_FILES and kind != OTHER}
    rest = [file for kind, files in found.items() if kind not in kept for file in files]
    return kept | {OTHER: rest} if MIN_FILES <= len(rest) <= sum(map(len, kept.values())) else kept


def _homes(folders: Iterable[str]) -> frozenset[str]:
    """Folders below the root, two or more of whose own folders are named after different kinds."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for folder in {above for path in folders for above in ancestors(path)[:-1]}:
        kinds[parent(folder)] |= _kinds_of_folder(folder.rpartition("/")[2])
    return frozenset(home for home, named in kinds.items() if home and len(named) >= 2)


def _beside_kinds(path: str, levels: int | None, homes: frozenset[str]) -> bool:
    return any(parent(folder) in homes for folder in ancestors(parent(path))[:-1][:levels])


def _named(path: str, levels: int | None) -> frozenset[str]:
    """The kinds that the name says, else those that the nearest folder says; several are a contradiction."""
    folders = path.split("/")[-2::-1]
    return next((kinds for kinds in (_kinds(stem(path)), *map(_kinds_of_folder, folders[:levels])) if kinds), frozenset())


def _kinds(name: str) -> frozenset[str]:
    found = frozenset(KIND_OF[word] for word in words(name) if word in KIND_OF)
    return found - {"form"} if "tax" in found else found  # a tax form


_kinds_of_folder = lru_cache(maxsize=4096)(_kinds)


def _write_example(folder: Path) -> None:
    from PIL import Image

    for place, name in enumerate(("2023/invoices", "old receipts")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(8):
            Image.new("RGB", (40, 60), (place * 90, number * 20, 90)).save(folder / name / f"scan {number}.png")
    for number in range(2):
        Image.new("RGB", (40, 60), (9, number * 20, 90)).save(folder / f"AcmeInvoice{number}.pdf")


ADAPTER = Adapter(
    name="document_kinds",
    description="Folders or names say what kind of paper documents are.",
    propose=propose,
    example=_write_example,
    expected={"2023/invoices/scan 0.png": "invoice", "old receipts/scan 7.png": "receipt", "AcmeInvoice1.pdf": "invoice"},
)
