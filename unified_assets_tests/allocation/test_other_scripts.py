"""Lakes whose folders, files, fields and texts are Chinese, Arabic or Hebrew, from scan to a trained model."""

import io
import json
from pathlib import Path

import polars as pl
from PIL import Image

from unified_assets.allocation import allocate, explain
from unified_assets.catalog import scan
from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.core import plugins
from unified_assets.core.contracts import SilentSink
from unified_assets.core.presets import Preset
from unified_assets.core.settings import Settings
from unified_assets.datasets import build, read_counts
from unified_assets.datasets import load as load_dataset
from unified_assets.inference import load
from unified_assets.quality import assess
from unified_assets.store.local import Store
from unified_assets.training.plan import make_plan
from unified_assets.training.rounds import train_model


def picture(seed: int) -> bytes:
    image = Image.effect_noise((48, 48), 40 + seed % 50).convert("RGB")
    image.putpixel((seed % 48, seed // 48), (255, seed % 256, 0))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def run(tmp_path, files: dict[str, bytes]):
    settings = Settings(raw=tmp_path / "raw", state=tmp_path / "state", workers=1)
    for name, data in files.items():
        path = settings.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    scan(settings, lambda _line: None)
    assess(settings, lambda _line: None)
    summary = allocate(settings)
    store = Store(settings.state)
    return settings, summary, store.table("tasks"), store.table("examples"), store.table("allocation")


TINY = Preset(name="tiny", epochs=2, batch_size=16, checkpoint_interval=1, min_steps_per_epoch=12, max_steps_per_epoch=12, exchange=False)


def learn(settings: Settings, model: str) -> Path:
    """Datasets and a tiny training of one model alone. Returns the final folder."""
    build(settings, model, lambda _line: None)
    folder = Store(settings.state).current(f"datasets/{model}")
    run_dir, specs, inventory = settings.state / "runs" / model, plugins.models(), Inventory(cores=1, memory_gib=4)
    return train_model(
        specs[model],
        dataset=load_dataset(folder),
        run_dir=run_dir,
        knowledge_dir=run_dir / "knowledge",
        plan=make_plan(run_dir, models={model: read_counts(folder)}, preset=TINY, inventory=inventory, specs=specs),
        broker=LeaseBroker(run_dir, inventory),
        members=(model,),
        champions={},
        initial=None,
        sink=SilentSink(),
    ).folder


def scores(folder: Path) -> dict[str, float]:
    return {task["task"]: task["score"] for task in json.loads((folder / "results.json").read_text(encoding="utf-8"))["tasks"]}


def test_a_chinese_lake_end_to_end(tmp_path):
    kinds = ("苹果", "香蕉")
    files = {f"图片/水果/{kind}/照片{n}.png": picture(n + 100 * place) for place, kind in enumerate(kinds) for n in range(12)}
    files |= {f"图片/蔬菜/{kind}/照片{n}.png": picture(300 + n + 100 * place) for place, kind in enumerate(("白菜", "萝卜")) for n in range(12)}
    ask = [(f"请问第{n}号快递什么时候能够送到我家里来", "物流") if n % 2 else (f"我要把第{n}号订单的钱全部退回来", "退款") for n in range(40)]
    table = "文本,类别\n" + "\n".join(f"{text},{label}" for text, label in ask) + "\n"
    files |= {"客服/意图.csv": table.encode("gb18030"), "客服/说明.txt": "这里是客服对话的说明文字，没有标签。".encode("gb18030")}
    later = "文本,类别\n" + "\n".join(f"{text}谢谢,{label}" for text, label in ask) + "\n"
    files |= {"客服二/意图.csv": later.encode()}
    settings, summary, tasks, examples, ledger = run(tmp_path, files)
    assert len(summary.tasks) == 4
    assert all(task["task"].isascii() for task in summary.tasks)
    assert tasks["task"].n_unique() == 4
    assert {tuple(row) for row in tasks["classes"].to_list()} == {("苹果", "香蕉"), ("白菜", "萝卜"), ("物流", "退款")}
    texts = {value["text"] for row in examples["inputs"].to_list() for value in row if value["text"]}
    assert {text for text, _ in ask} <= texts
    assert len(ledger) == len(files) * ledger["model"].n_unique()
    assert "  Classes: 白菜, 萝卜" in explain(settings, "图片/蔬菜")
    assert [task["task"] for task in allocate(settings).tasks] == [task["task"] for task in summary.tasks]
    page = (settings.state / "quality_report" / "index.html").read_text(encoding="utf-8")
    assert "unicode-bidi: plaintext" in page
    final = learn(settings, "concept_models")
    assert set(scores(final).values()) == {1.0}
    answers = load(final).predict(["请问第99号快递什么时候能够送到我家里来", "我要把第99号订单的钱全部退回来"])
    assert [answer["answer"] for answer in answers] == ["物流", "退款"]


def test_a_lake_in_arabic_and_hebrew_end_to_end(tmp_path):
    files = {f"تدريب/صور/{kind}/{n}.png": picture(n + 100 * place) for place, kind in enumerate(("قطط", "كلاب")) for n in range(12)}
    files |= {f"اختبار/صور/{kind}/{n}.png": picture(300 + n + 100 * place) for place, kind in enumerate(("قطط", "كلاب")) for n in range(6)}
    rows = "טקסט,תווית\n" + "\n".join(
        f"{'החבילה לא הגיעה עדיין' if n % 2 else 'אני רוצה החזר כספי'} מספר {n},{'משלוח' if n % 2 else 'החזר'}" for n in range(40)
    )
    files |= {"שירות/פניות.csv": rows.encode()}
    settings, summary, tasks, examples, _ = run(tmp_path, files)
    assert {(task["subject"], task["classes"], task["test"]) for task in summary.tasks} == {("image", 2, 12), ("concept", 2, 6)}
    assert {tuple(row) for row in tasks["classes"].to_list()} == {("قطط", "كلاب"), ("החזר", "משלוח")}
    assert all(task.isascii() for task in tasks["task"])
    test = examples.filter((pl.col("split") == "test") & (pl.col("model") == "vision_service"))
    assert all(row[0]["path"].startswith("اختبار/") for row in test["inputs"].to_list())
    assert "  Classes: قطط, كلاب" in explain(settings, "اختبار/صور").splitlines()
    final = learn(settings, "concept_models")
    assert set(scores(final).values()) == {1.0}
    assert [answer["answer"] for answer in load(final).predict(["החבילה לא הגיעה עדיין", "אני רוצה החזר כספי"])] == ["משלוח", "החזר"]


def test_pictures_sorted_into_arabic_folders_are_learned(tmp_path):
    def field(kind: str, n: int) -> bytes:
        image = Image.effect_noise((48, 48), 20 + n).convert("RGB")
        light = Image.new("RGB", (48, 48), (230, 40, 40) if kind == "أحمر" else (40, 40, 230))
        out = io.BytesIO()
        Image.blend(image, light, 0.7).save(out, "PNG")
        return out.getvalue()

    files = {
        f"{side}/ألوان/{kind}/{n}.png": field(kind, n + 30 * place)
        for place, side in enumerate(("تدريب", "اختبار"))
        for kind in ("أحمر", "أزرق")
        for n in range(12)
    }
    settings, summary, _, _, _ = run(tmp_path, files)
    (task,) = summary.tasks
    assert (task["classes"], task["train"] + task["valid"], task["test"]) == (2, 24, 24)
    final = learn(settings, "vision_service")
    assert scores(final)[task["task"]] >= 0.9
    (answer,) = load(final).predict([settings.raw / "اختبار/ألوان/أزرق/3.png"])
    assert answer["answer"] == "أزرق"
