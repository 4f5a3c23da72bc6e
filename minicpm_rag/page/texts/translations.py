"""What the core says in English (verdicts of files, errors), in Chinese.

The core writes one language, so that its messages can be searched for; the page has two. A sentence that is
not listed is shown as it is. `{name}` stands for what changes from case to case.
"""

from __future__ import annotations

import re
from functools import cache

from minicpm_rag.messages import core
from minicpm_rag.page.texts.chinese_errors import ERRORS

SENTENCES = ERRORS
# Where a listed sentence may end: one that ends with a value takes all there is.
_END = (r"(?=\s|$)", r"$")
# What may stand for some values, so that a sentence cannot swallow the one before it, or an unknown one.
_NUMBER, _FILE = r"\d+(?:[.,]\d+)*", r"(?:.*[/\\])?[^/\\\s:]+"
_SHAPES = {"database": _FILE} | dict.fromkeys(
    ("count", "free", "limit", "missing", "most", "page", "present", "read", "seconds", "size", "tokens", "total",
     "unread"), _NUMBER,
)  # fmt: skip

_WHAT = {
    "PDF": " PDF ",
    "book": "电子书",
    "workbook": "工作簿",
    "presentation": "演示文稿",
    "Word document": " Word 文档",
    "picture": "图片",
    "file": "文件",
    "notebook": "笔记本",
    "message": "邮件",
    "saved web page": "网页存档",
}

# What the system, SQLite and the network give as the reason, wherever it stands in it.
_REASONS = {
    "No space left on device": "磁盘空间不足",
    "Disk quota exceeded": "超出磁盘配额",
    "database or disk is full": "磁盘已满",
    "disk I/O error": "磁盘读写出错",
    "database is locked": "数据库被占用",
    "attempt to write a readonly database": "数据库是只读的",
    "unable to open database file": "数据库文件打不开",
    "file is not a database": "这不是数据库文件",
    "database disk image is malformed": "数据库文件已损坏",
    "Permission denied": "没有权限",
    "Operation not permitted": "不允许这样做",
    "Read-only file system": "文件系统是只读的",
    "No such file or directory": "文件或文件夹不存在",
    "Input/output error": "读写出错",
    "Connection refused": "连接被拒绝",
    "Connection reset by peer": "连接中断",
    "Name or service not known": "找不到这个地址",
    "timed out": "超时",
}


def chinese(words: str) -> str:
    """The sentences in Chinese, as far as they are known; paragraphs stay apart."""
    return "\n\n".join(_told(paragraph)[0] for paragraph in words.split("\n\n"))


def is_known(words: str) -> bool:
    """Whether every sentence has a translation."""
    return all(_told(paragraph)[1] for paragraph in words.split("\n\n"))


def _told(paragraph: str) -> tuple[str, bool]:
    done: list[str] = []
    rest = paragraph.strip()
    while rest:
        found = _best(rest)
        if found is None:
            return " ".join([*done, rest]), False
        match, template = found
        done.append(template.format(**{name: _value(value) for name, value in match.groupdict().items()}).strip())
        rest = rest[match.end() :].lstrip()
    return re.sub(r" +(?=[，。：；）“])|(?<=”) +", "", "".join(done)), True


def _best(text: str) -> tuple[re.Match[str], str] | None:
    """The listed sentence that the text begins with: the one that leaves the least of it to its values."""
    found = [(match, template) for pattern, template in _patterns() if (match := pattern.match(text))]
    return max(found, key=lambda pair: _own_share(pair[0]), default=None)


def _own_share(match: re.Match[str]) -> float:
    return 1 - sum(len(value) for value in match.groups()) / len(match.group())


def _value(value: str) -> str:
    if value in _WHAT:
        return _WHAT[value]
    value = re.sub(r"^'(.*)'$", r"“\1”", value, flags=re.DOTALL)
    value = re.sub(r"\[Errno -?\d+\] ", "", value)
    for english, told in (_REASONS | _catalogue()).items():
        value = value.replace(english, told)
    return value


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(_pattern(english) + _END[english.endswith("}")], re.DOTALL | re.IGNORECASE), template)
        for english, template in (SENTENCES | _catalogue()).items()
    )


def _catalogue() -> dict[str, str]:
    """The sentences of `messages`, so that what was put into English already can still be told in Chinese."""
    bare = re.compile(r"\{(\w+):[^}]*\}")
    return {
        bare.sub(r"{\1}", english): bare.sub(r"{\1}", told)
        for key, (told, english) in core().texts.items()
        if not key.startswith("system.")
    }


def _pattern(english: str) -> str:
    # The last full stop may be missing where nothing follows: reasons are written with and without.
    sentence, stop = (english[:-1], r"(?:\.|$)") if english.endswith(".") else (english, "")
    pieces = re.split(r"\{(\w+)\}", sentence)
    seen: set[str] = set()
    return (
        "".join(_varying(piece, seen) if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)) + stop
    )


def _varying(name: str, seen: set[str]) -> str:
    if name in seen:
        return f"(?P={name})"
    seen.add(name)
    return f"(?P<{name}>{_SHAPES.get(name, '.+?')})"
