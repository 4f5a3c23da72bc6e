r"""Formulas that a model writes in LaTeX, as HTML: `\frac{a}{b}`, `x_i^2`, Greek letters and the usual signs.

Only what is in the tables below is drawn; a formula with anything else is shown as it was typed. All text is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import escape

LONGEST = 600  # characters of a formula
DEEPEST = 12  # levels of braces

# `$x$` is one letter, or has a sign of mathematics inside, so that prices in dollars are none.
FORMULA = re.compile(
    r"\$\$(?P<display>[^$]{1,600})\$\$|\\\[(?P<bracket>[^$\n]{1,600}?)\\\]|\\\((?P<inline>[^$\n]{1,600}?)\\\)"
    r"|\$(?P<dollar>(?=[^$\n]{0,600}[\\^_=<>+]|[A-Za-z]\$)[^\s$](?:[^$\n]{0,598}[^\s$])?)\$(?!\d)"
)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|\s+|.", re.DOTALL)
_SIGNS = {
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "sim": "∼", "propto": "∝", "infty": "∞", "partial": "∂",
    "nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫", "to": "→", "rightarrow": "→", "Rightarrow": "⇒",
    "leftarrow": "←", "leftrightarrow": "↔", "in": "∈", "notin": "∉", "subset": "⊂", "cup": "∪", "cap": "∩",
    "forall": "∀", "exists": "∃", "land": "∧", "lor": "∨", "neg": "¬", "circ": "∘", "degree": "°", "ldots": "…",
    "cdots": "⋯", "dots": "…", "quad": "\u2003", "qquad": "\u2003\u2003", "lt": "<", "gt": ">", "mid": "|", "ell": "ℓ",
    "varepsilon": "ε", "varphi": "φ", "left": "", "right": "", "displaystyle": "", "big": "", "Big": "",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩", "star": "⋆", "prime": "′",
}  # fmt: skip
_FUNCTIONS = {"sin", "cos", "tan", "log", "ln", "exp", "max", "min", "lim", "det", "dim", "arg", "gcd", "mod"}
_WORDS = {"text", "mathrm", "operatorname", "textbf", "mathbf", "mathit", "textit"}
_ESCAPED = {",": "\u2009", ";": "\u2005", ":": "\u2005", "!": "", " ": " ", "\\": "<br>"}
_OTHER = ("{", "}", "%", "$", "&", "#", "_", "|")


class _NotKnownError(Exception):
    """The formula holds something that is not drawn."""


def drawn(formula: str, *, display: bool) -> str:
    """The formula as HTML; as it was typed where it holds something unknown."""
    try:
        inside = "".join(_Reader(formula).group(0, ends=False))
    except _NotKnownError:
        return f"<code>{escape(formula)}</code>"
    return f'<span class="rag-formula{" display" if display else ""}">{inside}</span>'


class _Reader:
    def __init__(self, formula: str) -> None:
        self._tokens = _TOKEN.findall(formula.strip())
        self._next = 0

    def group(self, depth: int, *, ends: bool) -> Iterator[str]:
        """What stands up to the closing brace, or with `ends` false up to the end."""
        while self._next < len(self._tokens):
            if self._tokens[self._next] == "}":
                if not ends:
                    raise _NotKnownError
                self._next += 1
                return
            yield self._one(depth)
        if ends:
            raise _NotKnownError

    def _one(self, depth: int) -> str:
        """The next sign, command or group."""
        if depth > DEEPEST or self._next >= len(self._tokens):
            raise _NotKnownError
        token = self._tokens[self._next]
        self._next += 1
        if token == "{":
            return "".join(self.group(depth + 1, ends=True))
        if token in "^_":
            tag = "sup" if token == "^" else "sub"
            return f"<{tag}>{self._argument(depth)}</{tag}>"
        if token.startswith("\\"):
            return self._command(token[1:], depth)
        if token.isspace():
            return ""
        if token.isalpha() and token.isascii():
            return f"<i>{token}</i>"
        return f" {escape(token)} " if token in "=<>+" else "−" if token == "-" else escape(token)

    def _argument(self, depth: int) -> str:
        while self._next < len(self._tokens) and self._tokens[self._next].isspace():
            self._next += 1
        return self._one(depth + 1)

    def _command(self, name: str, depth: int) -> str:
        if name in ("frac", "dfrac", "tfrac"):
            above, below = self._argument(depth), self._argument(depth)
            return f'<span class="rag-fraction"><span>{above}</span><span>{below}</span></span>'
        if name == "sqrt":
            return f'√<span class="rag-root">{self._argument(depth)}</span>'
        if name in _WORDS:
            return self._words()
        if name in _FUNCTIONS:
            return f" {name} "
        if name in _SIGNS:
            return escape(_SIGNS[name])
        if name in _ESCAPED:
            return _ESCAPED[name]
        if name in _OTHER:
            return escape(name)
        size = "CAPITAL" if name[:1].isupper() else "SMALL"
        try:
            return unicodedata.lookup(
                f"GREEK {size} LETTER {name.replace('lambda', 'lamda').replace('Lambda', 'lamda')}"
            )
        except KeyError:
            raise _NotKnownError from None

    def _words(self) -> str:
        """The words in braces, as they are."""
        words, self._next = [], self._next + 1
        if self._tokens[self._next - 1 : self._next] != ["{"]:
            raise _NotKnownError
        while self._next < len(self._tokens) and self._tokens[self._next] != "}":
            words.append(self._tokens[self._next])
            self._next += 1
        self._next += 1
        return escape("".join(words))
