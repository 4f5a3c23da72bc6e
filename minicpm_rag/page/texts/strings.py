"""Every text of the page, in Chinese and English.

The two languages are complete, which a test checks. It does not know where a text is shown.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


def guess(locale: str | None) -> Language:
    """The language for a browser's locale: Chinese for any Chinese, else English."""
    return "zh" if (locale or "").lower().startswith("zh") else "en"


def text(language: Language, key: str, **values: object) -> str:
    """A text in a language, with its values filled in."""
    return _TEXTS[key][LANGUAGES.index(language)].format(**values)


def keys() -> frozenset[str]:
    """All keys, for tests."""
    return frozenset(_TEXTS)


_FRAME = {
    "brand": ("文档问答", "Ask your documents"),
    "new_conversation": ("新对话", "New conversation"),
    "view_chat": ("对话", "Conversation"),
    "view_library": ("资料库", "Library"),
    "view_model": ("模型", "Model"),
    "knowledge_base": ("知识库", "Knowledge base"),
    "default_name": ("默认", "Default"),
    "conversations": ("最近的对话", "Recent"),
    "untitled": ("未命名的对话", "Untitled"),
    "language": ("语言", "Language"),
    "opening": ("正在打开…", "Opening…"),
    "opening_line": ("正在打开资料库，马上就好…", "Opening your library, just a moment…"),
    "no_model": ("无模型模式", "No-model mode"),
    "fault": (
        "程序出了意外的错误，对话和资料都还在。请再试一次；若仍然如此，运行程序的终端里有详细记录。",
        "Something unexpected went wrong; your conversation and documents are safe. Try again. "
        "If it happens again, the terminal that runs the program has the details.",
    ),
    "unguarded": (
        "这个页面没有受到保护：任何网站都能通过浏览器读取您的文档，所以没有打开。"
        "请用 `minicpm-rag page` 或 `streamlit run streamlit_app.py` 启动。",
        "This page is not guarded: any web site could read your documents through your browser, so it stays closed. "
        "Start it with `minicpm-rag page` or `streamlit run streamlit_app.py`.",
    ),
    "log_in": ("登录", "Log in"),
    "log_out": ("退出登录", "Log out"),
    "try_again": ("再试一次", "Try again"),
    "close": ("关闭", "Close"),
    "open": ("打开", "Open"),
    "stop": ("停止", "Stop"),
}

_CHAT = {
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
        "No-model mode: answers are sentences quoted from your documents. MiniCPM can put them into words.",
    ),
    "get_model": ("获取 MiniCPM", "Get MiniCPM"),
    "ask_placeholder": ("就你的文档提问…", "Ask about your documents…"),
    "stage_opening": ("正在打开资料库…", "Opening your library…"),
    "stage_searching": ("正在查找文档…", "Searching your documents…"),
    "stage_waiting": ("正在排队，前面还有 {position} 个问题…", "Waiting: number {position} in the queue…"),
    "stage_reading": ("正在阅读 {count} 段资料…", "Reading {count} passages…"),
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
    "copy": ("复制", "Copy"),
    "copied": ("已复制", "Copied"),
    "seconds_rewrite": ("改写 {seconds} 秒", "rewrite {seconds} s"),
    "seconds_retrieve": ("检索 {seconds} 秒", "search {seconds} s"),
    "seconds_first_token": ("首字 {seconds} 秒", "first word {seconds} s"),
    "seconds_generate": ("生成 {seconds} 秒", "writing {seconds} s"),
    "tokens_per_second": ("{speed} token/秒", "{speed} tokens/s"),
    "extracted": ("摘录原句", "quoted sentences"),
    "title": ("标题", "Title"),
    "rename": ("改名", "Rename"),
    "export": ("导出为 Markdown", "Export as Markdown"),
    "conversation_menu": ("改名、导出、删除", "Rename, export, delete"),
    "delete_conversation": ("删除对话", "Delete conversation"),
    "delete_conversation_sure": ("确定要删除这段对话", "Yes, delete this conversation"),
    "sources": ("出处", "Sources"),
}

_SOURCES = {
    "place_page": ("第 {label} 页", "page {label}"),
    "place_slide": ("第 {label} 张幻灯片", "slide {label}"),
    "place_sheet": ("工作表 {label}", "sheet {label}"),
    "place_row": ("第 {row} 行", "row {row}"),
    "place_rows": ("第 {first}–{last} 行", "rows {first}–{last}"),
    "previous_page": ("上一页", "Previous page"),
    "next_page": ("下一页", "Next page"),
    "page_of": ("{number} / {count}", "{number} / {count}"),
    "back_to_passage": ("回到引文", "Back to the passage"),
    "whole_page": ("显示全文", "Show the whole text"),
    "page_without_text": ("这一页没有可读的文字。", "This page has no text that could be read."),
    "source_removed": (
        "这份文档已从资料库中移除；下面是作答时的原文。",
        "This document has been removed from the library; this is the passage as it was.",
    ),
    "source_changed": (
        "这份文档后来有改动；下面是作答时的原文。",
        "This document has changed since; this is the passage as it was.",
    ),
    "not_highlighted": (
        "没能在页面图片上标出这段话，原文如下：",
        "The words could not be marked in the picture of the page; they are:",
    ),
}

_LIBRARY = {
    "documents": ("份文档", "documents"),
    "pages": ("页", "pages"),
    "chunks": ("个片段", "passages"),
    "manage": ("管理", "Manage"),
    "new_name": ("新知识库的名称", "Name of a new knowledge base"),
    "create": ("新建", "Create"),
    "rename_to": ("改名为", "Rename to"),
    "delete": ("删除知识库", "Delete knowledge base"),
    "delete_sure": ("确定删除“{name}”和其中的所有文档", "Yes, delete “{name}” and all documents in it"),
    "upload_label": ("添加文档", "Add documents"),
    "upload_drop": ("把文件拖到这里，或点选文件", "Drop files here, or choose them"),
    "upload_button": ("选择文件", "Choose"),
    "upload_too_large": (
        "{name} 没有加进来：它超过了 {megabytes} MB。请拆成小一些的文件，或者调高 MINICPM_RAG_UPLOAD_MEGABYTES。",
        "{name} was not added: it is larger than {megabytes} MB. Split it, or raise MINICPM_RAG_UPLOAD_MEGABYTES.",
    ),
    "upload_limit": (
        "PDF、Word、PPT、Excel、网页、Markdown、文本 · 每个文件不超过 {megabytes} MB",
        "PDF, Word, slides, spreadsheets, web pages, Markdown, text · up to {megabytes} MB a file",
    ),
    "upload_folder": ("整个文件夹", "Whole folder"),
    "library_empty": ("这个知识库里还没有文档。", "There is nothing in this knowledge base yet."),
    "job_ingest": ("正在准备读取文件…", "Getting ready to read the files…"),
    "job_remove": ("正在移除…", "Removing…"),
    "job_reindex": ("正在重新建立索引…", "Building the index anew…"),
    "job_import": ("正在导入知识库…", "Importing a knowledge base…"),
    "job_line": ("{number}/{count}  {name} · {stage}", "{number}/{count}  {name} · {stage}"),
    "ingest_queued": ("排队", "waiting"),
    "ingest_reading": ("阅读", "reading"),
    "ingest_embedding": ("建立索引", "indexing"),
    "ingest_writing": ("写入", "writing"),
    "ingest_done": ("完成", "done"),
    "put_away": ("知道了", "Dismiss"),
    "nothing_read": ("没有读到文件", "No file was read"),
    "file": ("文件", "File"),
    "verdict": ("结果", "Result"),
    "reason": ("说明", "Details"),
    "remedy": ("怎么办", "What to do"),
    "verdict_indexed": ("已收录", "Added"),
    "verdict_unchanged": ("没有变化", "Unchanged"),
    "verdict_replaced": ("已更新", "Updated"),
    "verdict_duplicate": ("内容重复", "Duplicate"),
    "verdict_moved": ("已移动", "Moved"),
    "verdict_skipped": ("已跳过", "Skipped"),
    "verdict_failed": ("未能收录", "Not added"),
    "verdict_removed": ("已移除", "Removed"),
    "verdict_counts": (
        "{present} 页中的 {indexed} 页，{chunks} 个片段",
        "{indexed} of {present} pages, {chunks} passages",
    ),
    "pages_indexed": ("{indexed}/{present} 页", "{indexed}/{present} pages"),
    "chunks_count": ("{count} 个片段", "{count} passages"),
    "status_note": ("注意", "Note"),
    "document_menu": ("重试、移除", "Retry, remove"),
    "retry": ("重试", "Try again"),
    "remove": ("移除", "Remove"),
    "remove_sure": ("确定从资料库移除", "Yes, remove it from the library"),
    "search_within": ("在这个知识库里查找…", "Search in this knowledge base…"),
    "no_document_named": ("没有名称含“{name}”的文档。", "No document has “{name}” in its name."),
    "no_passage": ("没有找到相关的段落。", "No passage was found."),
    "passages_found": ("相关段落", "Passages"),
}

_MODEL = {
    "no_model_explained": (
        "现在没有语言模型，回答由文档原句组成；从下面下载一个 MiniCPM，就能用自己的话归纳作答。",
        "No language model is running, so answers are sentences quoted from your documents; "
        "download a MiniCPM below and answers are put into words.",
    ),
    "fact_model": ("模型", "model"),
    "fact_device": ("运行设备", "device"),
    "fact_precision": ("精度", "precision"),
    "fact_attention": ("注意力实现", "attention"),
    "fact_memory": ("权重占用", "weights"),
    "fact_cache": ("缓存占用", "cache"),
    "fact_speed": ("token/秒", "tokens/s"),
    "models_here": ("这台电脑能用的模型", "Models for this computer"),
    "models_other": ("其他模型", "Other models"),
    "no_gpu": ("没有可用的 GPU", "no usable GPU"),
    "cores": ("{count} 核", "{count} cores"),
    "memory": ("内存 {size}", "{size} memory"),
    "in_use": ("使用中", "In use"),
    "use": ("使用", "Use"),
    "use_none": ("不用模型，只摘录原句", "Use no model, quote sentences only"),
    "advised": ("推荐", "Recommended"),
    "too_large": ("这台电脑装不下", "Too large for this computer"),
    "incomplete": ("文件不全", "Incomplete"),
    "download_size": ("约 {size}", "about {size}"),
    "context": ("上下文 {count} token", "{count} tokens of context"),
    "download": ("下载", "Download"),
    "pause": ("暂停", "Pause"),
    "resume": ("继续", "Resume"),
    "download_running": ("正在下载 {done} / {total}", "Downloading {done} of {total}"),
    "download_paused": ("已暂停 {done} / {total}", "Paused at {done} of {total}"),
    "download_failed": ("下载中断 {done} / {total}", "Broke off at {done} of {total}"),
    "switching": ("正在加载…", "Loading…"),
    "passages": ("参考段落数", "Passages"),
    "passages_help": ("每次回答最多参考几段资料。", "How many passages an answer may draw on."),
    "temperature": ("温度", "Temperature"),
    "temperature_help": ("越低越稳定，越高越多样。", "Lower is steadier, higher is more varied."),
    "length": ("最长回答（token）", "Longest answer (tokens)"),
    "length_help": ("一个汉字约 0.7 个 token。", "An English word is about 1.3 tokens."),
    "rerank": ("重排找到的段落", "Rerank the passages found"),
    "rerank_help": ("更准，但更慢。", "More exact, but slower."),
    "server": ("改用 OpenAI 兼容的服务", "Use an OpenAI-compatible server instead"),
    "server_explained": (
        "vLLM、SGLang、llama.cpp、Ollama 都可以。问题和找到的段落会发往这个地址。",
        "vLLM, SGLang, llama.cpp or Ollama. Questions and the passages found are sent to this address.",
    ),
    "server_address": ("地址", "Address"),
    "server_model": ("模型名称（可不填）", "Model name (optional)"),
    "server_key": ("密钥（可不填）", "Key (optional)"),
    "server_use": ("使用这个服务", "Use this server"),
}

_TEXTS: dict[str, tuple[str, str]] = _FRAME | _CHAT | _SOURCES | _LIBRARY | _MODEL
