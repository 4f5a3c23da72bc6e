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
    # Errors that nobody foresaw; the details are in the log.
    "system.fault": (
        "程序出了意外的错误，对话和资料都还在。请再试一次；若仍然如此，运行程序的终端里有详细记录。",
        "Something unexpected went wrong; your conversation and documents are safe. Try again. "
        "If it happens again, the terminal that runs the program has the details.",
    ),
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
