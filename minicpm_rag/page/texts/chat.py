"""What the conversation says, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "hello": ("想从文档里知道什么？", "What would you like to know?"),
    "lead": (
        "回答只来自你的文档，每句话都能点开出处。例如：",
        "Answers come from your documents only, and every sentence opens its source. For example:",
    ),
    "lead_empty": (
        "先放进几份文档：PDF、Word、表格、网页或纯文本都可以。它们不会离开这台电脑。",
        "Begin by adding a few documents: PDF, Word, spreadsheets, web pages or plain text. "
        "They never leave this computer.",
    ),
    "add_documents": ("添加文档", "Add documents"),
    "example": ("《{title}》里关于“{subject}”是怎么说的？", "What does {title} say about {subject}?"),
    "example_cell": ("{name} 的{column}是多少？", "What is the {column} of {name}?"),
    "no_model_line": (
        "目前是无模型模式：直接摘录文档原句作答。装上 MiniCPM 就能归纳作答。",
        "No-model mode: answers are sentences quoted from your documents. A MiniCPM model can answer in its own words.",
    ),
    "get_model": ("获取 MiniCPM", "Get MiniCPM"),
    "ask_placeholder": ("就你的文档提问…", "Ask about your documents…"),
    "held_to": ("只在这些里面找：", "Only in:"),
    "held_to_remove": ("不再限于它", "No longer only in it"),
    "stage_opening": ("正在打开资料库…", "Opening your library…"),
    "stage_searching": ("正在查找文档…", "Searching your documents…"),
    "stage_waiting": ("正在排队，排在第 {position} 位…", "Waiting: number {position} in the queue…"),
    "stage_reading": ("正在阅读 {count} 段资料…", "Reading {count:passage|passages}…"),
    "stage_writing": ("正在作答…", "Answering…"),
    "stage_done": ("完成", "Done"),
    "interrupted": (
        "这个问题还没有答完程序就中断了。可以重新回答。",
        "The program was interrupted before this was answered. You can answer it again.",
    ),
    "stopped": ("已停止，以上是停止前的内容。", "Stopped; this is what had been written."),
    "searched_for": ("检索的问题：{question}", "Searched for: {question}"),
    "edit_search": ("修改检索的问题", "Change the question that is searched for"),
    "search_with_this": ("用它重新检索", "Search with this"),
    "unsupported_hint": ("文档中没有找到这句话的依据", "No passage was found that supports this sentence"),
    "unsupported_legend": (
        "画波浪线的句子在文档里没有找到依据，请自行核对。",
        "Underlined sentences have no support in your documents; check them yourself.",
    ),
    "nearest": ("最接近的段落：", "The nearest passages:"),
    "answer_anyway": ("仍然作答", "Answer anyway"),
    "regenerate": ("重新回答", "Answer again"),
    "edit_question": ("修改问题", "Edit the question"),
    "ask_this": ("这样问", "Ask this"),
    "what_was_wrong": ("哪里不对？（只留在这台电脑上）", "What was wrong? (stays on this computer)"),
    "copy": ("复制", "Copy"),
    "copied": ("已复制", "Copied"),
    "took": ("用时 {seconds} 秒", "took {seconds} s"),
    "title": ("标题", "Title"),
    "rename": ("改名", "Rename"),
    "export": ("导出为 Markdown", "Export as Markdown"),
    "conversation_menu": ("置顶、改名、导出、删除", "Pin, rename, export, delete"),
    "pin": ("置顶", "Pin"),
    "delete_conversation": ("删除对话", "Delete conversation"),
    "delete_conversation_sure": ("确定要删除这段对话", "Yes, delete this conversation"),
    "sources": ("出处", "Sources"),
}
