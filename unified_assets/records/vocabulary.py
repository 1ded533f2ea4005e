"""What fields are usually called: inputs by role, labels, groups, splits, and fields that give the answer away."""

import re

from unified_assets.records.names import words

DIRECTION = frozenset({"cause", "effect"})

_INPUTS = {
    "context": "context passage given_info body background paragraph article story facts theory",
    "premise": "premise premises p sentence1 sentence_1 text1 sent1 sentence_a text_a s1",
    "hypothesis": "hypothesis conclusion sentence2 sentence_2 text2 sent2 sentence_b text_b s2 claim statement",
    "question": "question query problem word_problem q",
    "text": "text sentence content review utterance headline tweet message phrase prompt input title description summary abstract caption name document "
    "comment_text",
    "term": "term word lemma",
    "definition": "definition gloss meaning",
    "expression": "expression expr arithmetic calculation",
    "formula": "formula proposition propositional_formula",
}
_INPUTS_ELSEWHERE = {
    "context": "背景 上下文 段落 السياق הקשר",
    "premise": "前提 مقدمة הנחה",
    "hypothesis": "假设 结论 فرضية השערה",
    "question": "问题 題目 题目 سؤال السؤال שאלה",
    "text": "文本 句子 内容 文字 正文 نص النص جملة טקסט משפט תוכן",
    "term": "词 词语 كلمة מילה",
    "definition": "定义 释义 تعريف הגדרה",
}
_LABELS_ELSEWHERE = "标签 类别 分类 意图 答案 الفئة فئة تصنيف التصنيف הסוג סוג תווית קטגוריה"
INPUT_NAMES = {name: role for table in (_INPUTS, _INPUTS_ELSEWHERE) for role, names in table.items() for name in names.split()}

TARGET_NAMES = (
    "gold_label",
    "label",
    "target",
    "correct",
    "answer",
    "class",
    "category",
    "intent",
    "most_plausible_alternative",
    "relation",
    "sentiment",
    "gold",
    "y",
    "emotion",
    "topic",
    "group",
    "tag",
    "labels",
    "class_name",
    "correct_answer",
    "correct_option",
    "answer_key",
    "result",
    "output",
    "value",
    *_LABELS_ELSEWHERE.split(),
)
GROUP_NAMES = frozenset(
    [
        "speaker",
        "speaker_id",
        "group_id",
        "user",
        "user_id",
        "author",
        "author_id",
        "story_id",
        "context_id",
        "article_id",
        "document_id",
        "doc_id",
        "patient",
        "patient_id",
        "session",
        "session_id",
        "dialogue_id",
        "dialog_id",
        "conversation_id",
        "scene",
        "scene_id",
        "subject_id",
        "group",
    ]
)
SPLIT_NAMES = frozenset(["split", "subset", "set", "partition", "fold", "side"])
FILE_NAMES = frozenset(
    ["file", "filename", "file_name", "path", "filepath", "image", "image_path", "image_id", "img", "audio", "audio_path", "wav", "clip", "video"]
)

_WITHHELD = (
    (
        re.compile(r"(^|_)(rationale|explanation|explanations|reasoning|solution|solutions|proof|steps?|chain|cot|worked|hint|hints|gloss_answer)($|_)"),
        "a worked solution gives the answer away",
    ),
    (re.compile(r"(^|_)(equation|equations|program|formula_answer|lf|logical_form)($|_)"), "the equation gives the answer away"),
    (re.compile(r"(^|_)(evals?|votes?|annotat\w*|raters?|judg\w*|confidence|agreement)($|_)"), "votes of annotators give the answer away"),
    (re.compile(r"(^|_)(structured_rep|structured|scene_graph|parse|binary_parse|fol|meta|metadata)($|_)"), "a structured form of the input or answer"),
    (re.compile(r"^(type|genre|kind|difficulty|subtask|source|domain)$"), "a kind of record may tell the answer"),
    (re.compile(r"^(comments?|notes?|remarks?)$"), "a comment of annotators"),
    (re.compile(r"(^|_)(id|ids|idx|uuid|guid|index|ili|key|slug|no|nr|identifier|hash)$|^id_|^(promptid|pairid|number)$"), "an identifier"),
    (re.compile(r"^label_?\d+$"), "another label of the same record"),
    (re.compile(r"(^|_)(url|uri|version|date|time|timestamp|license|directory)$"), "about the record, not of it"),
)


def normal(name: str) -> str:
    """A field name in snake case: `ask-for` and `AskFor` → `ask_for`; digits stay with their word."""
    return re.sub(r"_(\d+)$", r"\1", "_".join(words(name))) if re.search(r"[A-Za-z]\d+$", name) else "_".join(words(name))


def withheld_reason(name: str) -> str | None:
    """Why a field of this name is kept out of the inputs, or None."""
    snake = normal(name)
    if snake in INPUT_NAMES and INPUT_NAMES[snake] != "expression":
        return None
    return next((reason for pattern, reason in _WITHHELD if pattern.search(snake)), None)
