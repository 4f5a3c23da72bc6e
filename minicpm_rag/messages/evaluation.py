"""What evaluation says, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "evaluation.too_few_questions": (
        "可回答的问题 {answerable} 个、无法回答的问题 {unanswerable} 个，太少，无法校准。每种至少要有 {fewest} 个。",
        "{answerable} answerable and {unanswerable} unanswerable questions are too few to calibrate with. "
        "Give at least {fewest} of each.",
    ),
    "evaluation.no_sentence": (
        "知识库里没有可以用来提问的句子。请先添加文档，或者给出问题文件。",
        "The knowledge base holds no sentence to ask for. Add documents first, or give a file of questions.",
    ),
    "evaluation.questions_unreadable": (
        "问题文件 {file} 无法读取：{why}。",
        "The questions in {file} cannot be read: {why}.",
    ),
    "evaluation.questions_unreadable.remedy": ("请提供 UTF-8 编码的文件。", "Give a UTF-8 file."),
    "evaluation.no_question_line": (
        "{file} 的第 {number} 行不是问题：{line}。",
        "Line {number} of {file} is not a question: {line}.",
    ),
    "evaluation.no_question_line.remedy": (
        '每一行是一个 JSON 对象，例如 {{"question": "...", "file": "manual.pdf", "page": 3}}。',
        'Each line is a JSON object such as {{"question": "...", "file": "manual.pdf", "page": 3}}.',
    ),
    "evaluation.passages_unreadable": (
        "段落文件 {file} 无法读取：{why}。",
        "The passages in {file} cannot be read: {why}.",
    ),
    "evaluation.passages_unreadable.remedy": (
        '每一行是一个 JSON 对象，例如 {{"id": "p1", "title": "...", "text": "..."}}。',
        'Each line is a JSON object such as {{"id": "p1", "title": "...", "text": "..."}}.',
    ),
    "evaluation.passage_not_ingested": (
        "{source} 未能收录：{reason}",
        "{source} could not be ingested: {reason}",
    ),
    "evaluation.no_model_to_draft": (
        "没有可以起草问题的模型。下载一个：python -m minicpm_rag download --recommended",
        "No model is here to draft questions. Get one: python -m minicpm_rag download --recommended",
    ),
}
