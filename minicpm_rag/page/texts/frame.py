"""What the frame of the page says: sidebar, opening, login, errors, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "brand": ("文档问答", "Ask your documents"),
    "new_conversation": ("新对话", "New conversation"),
    # Instead of Streamlit's own words
    "theirs_disconnected": ("连接中断", "Connection lost"),
    "theirs_no_answer": (
        "提供本页的程序没有应答，请看看它是否还在运行（minicpm-rag page）。恢复后本页会自动接上，已输入的文字还在。",
        "The program behind this page does not answer: see whether it still runs (minicpm-rag page). "
        "The page goes on by itself once it does, and what you typed is kept.",
    ),
    "theirs_command": ("在终端运行 minicpm-rag page", "Run minicpm-rag page in a terminal"),
    "theirs_enter": ("按回车键确认", "Press Enter to apply"),
    "theirs_attach": ("附上文件，也可以拖到这里", "Attach files, or drop them here"),
    "theirs_drop": ("把文件拖到这里", "Drop files here"),
    "theirs_no_results": ("没有找到", "No results"),
    "theirs_skip": ("跳到正文", "Skip to main content"),
    "theirs_sidebar": ("侧边栏", "Sidebar"),
    "theirs_close_sidebar": ("收起侧边栏", "Collapse sidebar"),
    "theirs_open_sidebar": ("展开侧边栏", "Expand sidebar"),
    "theirs_send": ("提问", "Ask"),
    "theirs_pages": ("翻页", "Pages"),
    "theirs_page_before": ("上一页", "Previous page"),
    "theirs_page_after": ("下一页", "Next page"),
    "view_chat": ("对话", "Conversation"),
    "view_library": ("资料库", "Library"),
    "view_model": ("模型", "Model"),
    "go_to": ("转到…", "Go to…"),
    "go_to_help": ("视图、知识库或对话", "A view, a knowledge base or a conversation"),
    "go_to_placeholder": ("输入名称的一部分", "Type a part of its name"),
    "in_knowledge_base": ("知识库 · {name}", "Knowledge base · {name}"),
    "in_conversation": ("对话 · {name}", "Conversation · {name}"),
    "knowledge_base": ("知识库", "Knowledge base"),
    "conversations_pinned": ("置顶", "Pinned"),
    "conversations_today": ("今天", "Today"),
    "conversations_week": ("最近七天", "Last seven days"),
    "conversations_earlier": ("更早", "Earlier"),
    "search_conversations": ("搜索对话", "Search conversations"),
    "no_conversation_found": ("没有找到这样的对话。", "No conversation holds these words."),
    "more_conversations": ("再看 {count:,} 段更早的对话", "{count:,} older ones"),
    "untitled": ("未命名的对话", "Untitled"),
    "language": ("语言", "Language"),
    "answer_style": ("回答的语言和长短", "Language and length of answers"),
    "answer_language": ("用什么语言回答", "Answer in"),
    "answer_language_auto": ("随提问", "As asked"),
    "answer_language_help": (
        "引用的原文保持原来的语言；没有模型时，优先摘录这种语言的段落。",
        "Quotes stay in the language of the document. Without a model, passages in this language are quoted first.",
    ),
    "answer_length": ("回答长短", "Length"),
    "answer_length_short": ("简短", "Short"),
    "answer_length_normal": ("适中", "Normal"),
    "answer_length_detailed": ("详细", "Detailed"),
    "answer_length_help": (
        "简短是一两句话；详细会写出更多有关的内容。没有模型时是摘录的句数。",
        "Short is a sentence or two, detailed tells more of what bears on it. Without a model: how many sentences.",
    ),
    "opening": ("正在打开…", "Opening…"),
    "opening_line": ("正在打开资料库，马上就好…", "Opening your library, just a moment…"),
    "no_model": ("无模型模式", "No-model mode"),
    "unguarded": (
        "这个页面没有受到保护：任何网站都能通过浏览器读取你的文档，所以没有打开。"
        "请用 `minicpm-rag page` 或 `streamlit run streamlit_app.py` 启动。",
        "This page is not guarded: any web site could read your documents through your browser, so it stays closed. "
        "Start it with `minicpm-rag page` or `streamlit run streamlit_app.py`.",
    ),
    "unguarded_open": (
        "这个服务器没有受到保护，而且在地址 {address} 上接受网络中其他电脑的连接，所以页面没有打开。请停止它，"
        "用 `minicpm-rag page` 或 `streamlit run streamlit_app.py` 启动：它们只接受本机的连接。",
        "This server is not guarded, and it takes connections from other machines on the network (address: {address}), "
        "so the page stays closed. Stop it and start `minicpm-rag page` or `streamlit run streamlit_app.py`, which "
        "listen to this machine only.",
    ),
    "log_in": ("登录", "Log in"),
    "log_out": ("退出登录", "Log out"),
    "keys": ("按键", "Keys"),
    "key_ask": ("到提问框", "to the question box"),
    "key_name": ("在提问框里指定文档", "in the question box: names a document"),
    "key_go_to": ("转到视图、知识库或对话", "to a view, a knowledge base or a conversation"),
    "key_close": ("关闭出处", "closes the source"),
    "key_marks": ("在答案的出处之间移动", "from one citation of an answer to the next"),
    "key_help": ("显示这些按键", "shows these keys"),
    "menu": ("菜单", "Menu"),
    "try_again": ("再试一次", "Try again"),
    "close": ("关闭", "Close"),
    "open": ("打开", "Open"),
    "stop": ("停止", "Stop"),
}
