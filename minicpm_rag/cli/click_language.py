"""What click itself says (headings of the help, wrong usage), in the user's language, and help that wraps Chinese.

click marks its texts for gettext but ships no translations, and gettext reads compiled files only. So the function
that click's modules call `_` is replaced by one that looks into a table here. This is a private surface of click:
tests/cli/test_click_language.py fails when a version calls it otherwise or says something that is not listed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator

import click

from minicpm_rag.cli.language import language
from minicpm_rag.text.scripts import HAN

MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "types")

# What click says while it reads arguments and prints help. Its errors to programmers stay English.
CHINESE = {
    "Usage:": "用法：",
    "Options": "选项",
    "Commands": "命令",
    "Positional arguments": "参数",
    "default: {default}": "默认：{default}",
    "required": "必填",
    "env var: {var}": "环境变量：{var}",
    "Show this message and exit.": "显示这份说明后退出。",
    "Show the version and exit.": "显示版本后退出。",
    "%(prog)s, version %(version)s": "%(prog)s，版本 %(version)s",
    "Error: {message}": "错误：{message}",
    "Try '{command} {option}' for help.": "用法说明：{command} {option}",
    "Missing command.": "缺少命令。",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Missing parameter": "缺少参数",
    "Missing {param_type}": "缺少{param_type}",
    "Missing parameter: {param_name}": "缺少参数：{param_name}",
    "No such option {name!r}.": "没有选项 {name!r}。",
    "No such option: {name}": "没有选项 {name}",
    "No such command {name!r}.": "没有命令 {name!r}。",
    "Did you mean {possibility}?": "是不是 {possibility}？",
    "(Did you mean one of: {possibilities}?)": "（是不是其中之一：{possibilities}？）",
    "Got unexpected extra argument ({args})": "多余的参数（{args}）",
    "Got unexpected extra arguments ({args})": "多余的参数（{args}）",
    "Option {name!r} does not take a value.": "选项 {name!r} 不带值。",
    "Option {name!r} requires an argument.": "选项 {name!r} 需要一个值。",
    "Option {name!r} requires {nargs} arguments.": "选项 {name!r} 需要 {nargs} 个值。",
    "Argument {name!r} takes {nargs} values.": "参数 {name!r} 需要 {nargs} 个值。",
    "Takes {nargs} values but 1 was given.": "需要 {nargs} 个值，只给了 1 个。",
    "Takes {nargs} values but {len} were given.": "需要 {nargs} 个值，给了 {len} 个。",
    "Invalid value: {message}": "值有误：{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的值有误：{message}",
    "Could not open file {filename!r}: {message}": "文件 {filename!r} 打不开：{message}",
    "unknown error": "原因不明",
    "Choose from:\n\t{choices}": "可选：\n\t{choices}",
    "{value!r} is not {choice}.": "{value!r} 不是 {choice}。",
    "{value!r} is not one of {choices}.": "{value!r} 不在 {choices} 之中。",
    "{value} is not in the range {range}.": "{value} 不在范围 {range} 内。",
    "{value!r} is not a valid {number_type}.": "{value!r} 不是有效的数（{number_type}）。",
    "{value!r} is not a valid boolean. Recognized values: {states}": "{value!r} 不是真假值，可用：{states}",
    "{name} {filename!r} does not exist.": "{filename!r} 不存在。",
    "{name} {filename!r} is a file.": "{filename!r} 是文件。",
    "{name} {filename!r} is a directory.": "{filename!r} 是文件夹。",
    "{name} {filename!r} is not readable.": "{filename!r} 没有读取权限。",
    "{name} {filename!r} is not writable.": "{filename!r} 没有写入权限。",
    "{name} {filename!r} is not executable.": "{filename!r} 没有执行权限。",
}


def install() -> None:
    """Have click's modules ask here for their texts."""
    for name in MODULES:
        module = importlib.import_module(f"click.{name}")
        for called, ours in (("_", _one), ("ngettext", _one_or_many)):
            if hasattr(module, called):
                setattr(module, called, ours)
    click.Context.formatter_class = HelpFormatter


def _one(words: str) -> str:
    return CHINESE.get(words, words) if language() == "zh" else words


def _one_or_many(one: str, many: str, count: int) -> str:
    return _one(one if count == 1 else many)


class HelpFormatter(click.HelpFormatter):
    """click's, with lines as wide as the terminal shows them: it takes a Chinese character for one column."""

    def write_heading(self, heading: str) -> None:
        """Write a heading with the colon of the language."""
        self.write(f"{'':{self.current_indent}}{heading}{'：' if language() == 'zh' else ':'}\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            for line in wrapped(paragraph, self.width - self.current_indent):
                self.write(f"{'':{self.current_indent}}{line}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names with what they mean beside them."""
        rows = list(rows)
        first = self.current_indent + col_spacing + min(col_max, max(len(name) for name, _ in rows))
        for name, meaning in rows:
            lead = f"{'':{self.current_indent}}{name}"
            lines = list(wrapped(meaning, max(self.width - first, 20)))
            if len(lead) + col_spacing > first:
                self.write(lead + "\n")
                lead = ""
            for line in lines or [""]:
                self.write(f"{lead:{first}}{line}".rstrip() + "\n")
                lead = ""


# A space; or a Chinese character or a word, with the marks that open before it and close after it.
_OPEN, _CLOSE = "（“《", "，。：；！？、）”》"
_PIECE = re.compile(rf"\s+|[{_OPEN}]*(?:[{HAN}]|[^\s{HAN}{_OPEN}{_CLOSE}]*)[{_CLOSE}]*")


def wrapped(text: str, width: int) -> Iterator[str]:
    """The text in lines of at most `width` columns; a line of Chinese may end after any character."""
    from rich.cells import cell_len

    line = ""
    for piece in _PIECE.findall(text):
        if line and cell_len(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += piece if line else piece.lstrip()
    if line:
        yield line.rstrip()
