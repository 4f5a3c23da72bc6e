"""Text that others wrote (documents, file names, the model) as HTML or labels in which nothing can act.

Links and images stay the characters they are written with, HTML is escaped, and what remains of Markdown is
structure only: paragraphs, lists, tables, emphasis, code. It does not know where the text comes from.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from minicpm_rag.page.html import formulas
from minicpm_rag.text.table_rows import cell_spans, is_row, is_rule

# Put around an unsupported sentence while Markdown is parsed. Markdown takes these characters for punctuation, so
# that emphasis beside them still opens and closes. (They are word dividers of ancient scripts; a text that has some
# loses them.)
_OPEN, _CLOSE = "\U00010100", "\U00010101"
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MARK = re.compile(r"\[(\d{1,3})\]")
_LINE_START = re.compile(r"[ \t]*(?:(?:[-+*>]|#{1,6}|\d{1,9}[.)])[ \t]+)*\|?[ \t]*")
_EMPHASIS = "*_`~"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def plain(text: str) -> str:
    """Text as HTML, line by line as it was typed."""
    return escape(text).replace("\n", "<br>")


def name(text: str) -> str:
    """A name of a file or document as HTML, without marks that would show it in another order than it has."""
    return plain(_DIRECTION.sub("", text))


def attribute(text: str) -> str:
    """Text for an attribute of an element; line ends survive."""
    return escape(text, quote=True).replace("\n", "&#10;")


def label(text: str) -> str:
    """Text for a widget label, which Streamlit reads as Markdown: every mark it could act on is escaped."""
    line = " ".join(_DIRECTION.sub("", text).split())
    return "".join("\\" + character if character in string.punctuation else character for character in line)


def answer(
    text: str,
    *,
    exchange: int,
    cited: Mapping[int, str],
    unsupported: Sequence[tuple[int, int]] = (),
    unsupported_hint: str = "",
) -> str:
    """An answer as HTML: `[n]` of a cited passage is a button, an unsupported sentence looks different.

    `cited` has for each number what the button is called by those who hear the page. `data-which` of a button counts
    the `[n]` before it in the text, as `mark_places` does.
    """
    environment = {
        "exchange": exchange,
        "cited": cited,
        "unsupported": False,
        "marks": 0,
        "hint": escape(unsupported_hint, quote=True),
    }
    html: str = _reader().render(_with_sentinels(text, unsupported), environment)
    return f'<div class="rag-answer">{html}</div>'


def mark_places(text: str) -> list[int]:
    """Where each `[n]` of an answer's text stands."""
    return [mark.start() for mark in _MARK.finditer(text)]


def marked(text: str, spans: Sequence[tuple[int, int]], chosen: Sequence[tuple[int, int]] = ()) -> str:
    """Text as HTML with some spans of it marked, the chosen ones among them more strongly; overlaps are joined."""
    return _marked(text, spans, chosen, "mark")


def _marked(text: str, spans: Sequence[tuple[int, int]], within: Sequence[tuple[int, int]], tag: str) -> str:
    pieces, position = [], 0
    for start, end in _joined(spans, len(text)):
        inside = _marked(text[start:end], [(first - start, last - start) for first, last in within], (), "b")
        pieces += [plain(text[position:start]), f"<{tag}>{inside}</{tag}>"]
        position = end
    pieces.append(plain(text[position:]))
    return "".join(pieces)


def _joined(spans: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start), min(end, length)) for start, end in spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _with_sentinels(text: str, spans: Sequence[tuple[int, int]]) -> str:
    text = text.replace(_OPEN, " ").replace(_CLOSE, " ")
    pieces = [piece for span in _joined(spans, len(text)) for piece in _pieces_of_lines(text, *span)]
    fences = _fenced(text)  # a mark before a fence would make it none
    pieces = [piece for piece in pieces if not any(first <= piece[0] < last for first, last in fences)]
    for start, end in reversed(pieces):
        while start > 0 and text[start - 1] in _EMPHASIS:
            start -= 1
        line_start = text.rfind("\n", 0, start) + 1
        prefix = _LINE_START.match(text, line_start)
        start = max(start, prefix.end() if prefix else start)
        while end > start and text[end - 1].isspace():
            end -= 1
        while end < len(text) and text[end] in _EMPHASIS:
            end += 1
        if start < end:
            text = text[:start] + _OPEN + text[start:end] + _CLOSE + text[end:]
    return text


def _pieces_of_lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A span as the parts of it that stand in one item of a list, one cell of a table: marks never cross these."""
    line_start = text.rfind("\n", 0, start) + 1
    while line_start < end:
        line_end = text.find("\n", line_start)
        line_end = len(text) if line_end < 0 else line_end
        line = text[line_start:line_end]
        cells = [(0, len(line))]
        if is_row(line.strip()):
            cells = [] if is_rule(line.strip()) else list(cell_spans(line))
        for first, last in cells:
            first, last = max(start, line_start + first), min(end, line_start + last)
            if text[first:last].strip():
                yield first, last
        line_start = line_end + 1


def _fenced(text: str) -> list[tuple[int, int]]:
    """The blocks of code between fences, these included; the last one may have no end."""
    spans: list[tuple[int, int]] = []
    start, fence, offset = 0, "", 0
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if not fence and mark:
            start, fence = offset, mark[1]
        elif fence and mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
            spans.append((start, offset + len(line)))
            fence = ""
        offset += len(line)
    return [*spans, (start, len(text))] if fence else spans


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_InertRenderer)
    reader.enable(["table", "strikethrough"])
    reader.inline.ruler.before("escape", "formula", _read_formula)
    return reader.disable(["link", "image", "autolink", "reference", "html_block", "html_inline"])


def _read_formula(state: StateInline, silent: bool) -> bool:
    """The rule for a formula, before those that take `\\(` for an escaped bracket and `_` for emphasis."""
    found = formulas.FORMULA.match(state.src, state.pos) if state.src[state.pos] in "$\\" else None
    if found is None:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = found[found.lastgroup or 0]
        token.meta = {"display": found.lastgroup in ("display", "bracket")}
    state.pos = found.end()
    return True


class _InertRenderer(RendererHTML):
    """markdown-it's renderer, which escapes text, with citation marks and unsupported sentences drawn."""

    def text(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Draw a run of text."""
        return self._pieces(tokens[index].content, env, _with_buttons)

    def code_inline(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Draw code inside a line."""
        return "<code>" + self._pieces(tokens[index].content, env, _as_code) + "</code>"

    def formula(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Draw a formula."""
        token = tokens[index]

        def drawn(piece: str, env: Any) -> str:
            return formulas.drawn(piece, display=token.meta["display"])

        return self._pieces(token.content, env, drawn)

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Draw a code block without its language, which would become a class name."""
        content = tokens[index].content.replace(_OPEN, "").replace(_CLOSE, "")
        return f"<pre><code>{_as_code(content, env)}</code></pre>"

    def code_block(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        """Draw an indented code block."""
        return self.fence(tokens, index, options, env)

    def _pieces(self, content: str, env: Any, drawn: Any) -> str:
        html = []
        for piece in re.split(f"([{_OPEN}{_CLOSE}])", content):
            if piece in (_OPEN, _CLOSE):
                env["unsupported"] = piece == _OPEN
            elif piece and env["unsupported"]:
                html.append(f'<span class="rag-unsupported" title="{env["hint"]}">{drawn(piece, env)}</span>')
            elif piece:
                html.append(drawn(piece, env))
        return "".join(html)


def _as_code(text: str, env: Any) -> str:
    env["marks"] += len(_MARK.findall(text))
    return escape(text)


def _with_buttons(text: str, env: Any) -> str:
    html, position = [], 0
    for mark in _MARK.finditer(text):
        number = int(mark[1])
        env["marks"] += 1
        if number in env["cited"]:
            html.append(escape(text[position : mark.start()]))
            place = f'data-mark="{env["exchange"]}:{number}"'
            called = f'aria-label="{attribute(env["cited"][number])}"'
            which = f'data-which="{env["marks"] - 1}"'
            html.append(f'<button type="button" class="rag-mark" {place} {called} {which}>{number}</button>')
            position = mark.end()
    html.append(escape(text[position:]))
    return "".join(html)
