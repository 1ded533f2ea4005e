"""Lakes whose folders, files, fields and texts are Chinese, Arabic or Hebrew, from scan to ledger."""

import io

import polars as pl
from PIL import Image

from unified_assets.allocation import allocate, explain
from unified_assets.catalog import scan
from unified_assets.core.settings import Settings
from unified_assets.quality import assess
from unified_assets.store.local import Store


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


def test_a_lake_in_arabic_and_hebrew_end_to_end(tmp_path):
    files = {f"تدريب/صور/{kind}/{n}.png": picture(n + 100 * place) for place, kind in enumerate(("قطط", "كلاب")) for n in range(12)}
    files |= {f"اختبار/صور/{kind}/{n}.png": picture(300 + n + 100 * place) for place, kind in enumerate(("قطط", "كلاب")) for n in range(6)}
    rows = "טקסט,תווית\n" + "\n".join(
        f"{'החבילה לא הגיעה עדיין' if n % 2 else 'אני רוצה החזר כספי'} מספר {n},{'משלוח' if n % 2 else 'החזר'}" for n in range(40)
    )
    files |= {"שירות/פניות.csv": rows.encode()}
    _, summary, tasks, examples, _ = run(tmp_path, files)
    assert {(task["subject"], task["classes"], task["test"]) for task in summary.tasks} == {("image", 2, 12), ("concept", 2, 6)}
    assert {tuple(row) for row in tasks["classes"].to_list()} == {("قطط", "كلاب"), ("החזר", "משלוח")}
    assert all(task.isascii() for task in tasks["task"])
    test = examples.filter((pl.col("split") == "test") & (pl.col("model") == "vision_service"))
    assert all(row[0]["path"].startswith("اختبار/") for row in test["inputs"].to_list())
