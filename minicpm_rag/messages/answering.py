"""What answering says, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # Answers that are no answer, in the language of the question
    "answering.refused": (
        "资料中没有找到足够的依据来回答这个问题，下面是最接近的几段。",
        "The documents hold too little evidence to answer this question; the nearest passages are below.",
    ),
    "answering.nothing_found": (
        "资料中没有与这个问题有关的内容。",
        "The documents hold nothing that bears on this question.",
    ),
    # What is said below a model's answer
    "answering.documents_say": ("文档中的原文：", "The documents say:"),
    "answering.cut_short": ("（回答达到长度上限，到此中断。）", "(The answer reached its length limit and ends here.)"),
    "answering.looped": (
        "（模型开始重复，回答到此停止。）",
        "(The model began to repeat itself; the answer ends here.)",
    ),
    "answering.other_language": (
        "（模型没有用提问的语言回答。）",
        "(The model did not answer in the language of the question.)",
    ),
    "answering.cut_by_filter": (
        "（模型服务的内容过滤截断了回答，到此中断。）",
        "(The content filter of the model server cut the answer off here.)",
    ),
    "answering.cut_by_connection": (
        "（回答没有写完就中断了，模型服务没有说明原因。请再试一次。）",
        "(The answer broke off here, and the model server did not say why. Try again.)",
    ),
    "answering.said_nothing": (
        "模型没有写出回答，以下是资料原文。",
        "The model wrote no answer; these are sentences of the documents.",
    ),
    # What became of a passage that a search found
    "answering.passage": ("第 {number} 段", "passage {number}"),
    "answering.joined": ("并入第 {number} 段", "joined to passage {number}"),
    "answering.same_text": ("与更好的一段内容相同", "same text as a better one"),
    "answering.not_among_best": ("不在最好的几段之中", "not among the best"),
    # Errors
    "answering.no_question": (
        "没有问题。请输入一个问题，或传入 {{'question': '...'}}。",
        "There is no question. Type one, or pass {{'question': '...'}}.",
    ),
    "answering.calibration_unreadable": (
        "保存的校准数据无法读取。请重新运行 `eval --calibrate`。",
        "The stored calibration cannot be read. Run `eval --calibrate` again.",
    ),
}
