"""What the system and this program's frame say, in Chinese and English: reasons of failures, by their name."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # The words of another library, said as they stand.
    "system.words": ("{words}", "{words}"),
    "system.two": ("{first}{second}", "{first} {second}"),
    "system.nothing_read": (
        "没有文件能够读取，原因见上。",
        "No file could be read; the reasons are above.",
    ),
    "system.need_attention": (
        "其中 {count} 项需要处理：{names:list}。",
        "{count:item needs|items need} attention: {names:list}.",
    ),
    "system.given_back": ("{reason}\n\n{question}", "{reason}\n\n{question}"),
    "system.still_opening": (
        "资料库还在打开，请稍等片刻再试。",
        "Your library is still being opened. Try again in a moment.",
    ),
    "system.attached_unread": ("附上的 {name} 没有读成：{why}", "The attached {name} could not be read: {why}"),
    # Errors that nobody foresaw; the details are in the log.
    "system.fault": (
        "程序出了意外的错误，对话和资料都还在。请再试一次；若仍然如此，运行程序的终端里有详细记录。",
        "Something unexpected went wrong; your conversation and documents are safe. Try again. "
        "If it happens again, the terminal that runs the program has the details.",
    ),
    "system.no_browser": (
        "这项测量需要 playwright 和 Chromium：`pip install playwright`，并安装 Chromium。",
        "This measurement needs playwright and Chromium: `pip install playwright`, and install Chromium.",
    ),
    "system.page_did_not_start": (
        "网页没有启动，请单独运行 `minicpm-rag page` 看它说什么。",
        "The page did not start. Run `minicpm-rag page` by itself to see what it says.",
    ),
    "system.page_not_drawn": (
        "网页没有画出来：{why}",
        "The page could not be drawn: {why}",
    ),
    "system.command_failed": (
        "`minicpm-rag` 的测量命令 {command} 失败了：{why}",
        "The measured command {command} failed: {why}",
    ),
    "system.no_pywebview": (
        "打开窗口需要 pywebview：`pip install 'minicpm-rag[window]'`。不装也可以用浏览器：`minicpm-rag page`。",
        "A window needs pywebview: `pip install 'minicpm-rag[window]'`. "
        "Without it, `minicpm-rag page` opens a browser.",
    ),
    "system.no_renderer": (
        "打开不了窗口（{why}）。"
        "Linux 上还需要 WebKitGTK（python3-gi、gir1.2-webkit2-4.1）或 `pip install pyside6 qtpy`。",
        "No window can be opened: {why}. On Linux it also needs WebKitGTK (python3-gi, gir1.2-webkit2-4.1) "
        "or `pip install pyside6 qtpy`.",
    ),
    "system.no_desktop_entries": (
        "桌面入口只用于 Linux，这里是 {platform}。请直接运行 `minicpm-rag page`。",
        "Desktop entries are for Linux; this is {platform}. Run `minicpm-rag page` instead.",
    ),
    "system.desktop_kind": ("文档问答", "Document Q&A"),
    "system.desktop_comment": ("向自己的文档提问", "Questions to your own documents"),
    "system.entry_not_written": ("无法写入 {path}：{why}。", "{path} cannot be written: {why}."),
    # Errors of the operating system, by the name of their number
    "system.ENOSPC": ("磁盘空间不足", "no space left on the disk"),
    "system.EDQUOT": ("超出磁盘配额", "disk quota exceeded"),
    "system.EACCES": ("没有权限", "permission denied"),
    "system.EPERM": ("不允许这样做", "operation not permitted"),
    "system.EROFS": ("文件系统是只读的", "the file system is read-only"),
    "system.ENOENT": ("文件或文件夹不存在", "no such file or folder"),
    "system.EIO": ("读写出错", "input/output error"),
    "system.ECONNREFUSED": ("连接被拒绝", "connection refused"),
    "system.ECONNRESET": ("连接中断", "connection reset"),
    "system.ETIMEDOUT": ("超时", "timed out"),
    "system.EISDIR": ("这是一个文件夹", "is a folder"),
    "system.ENAMETOOLONG": ("文件名太长", "the file name is too long"),
    "system.EMFILE": ("打开的文件太多", "too many open files"),
}
