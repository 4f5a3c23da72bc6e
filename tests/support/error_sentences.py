"""Every sentence with which an error is raised in the package, read from its source; each value is a number.

What it cannot read it reports as opaque, so that a test may say why each of those is no concern.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minicpm_rag import errors

PACKAGE = Path(errors.__file__).parent
# What a user of the page cannot meet: the command line's own, measuring, and `doctor`, which prints.
ELSEWHERE = {"evaluation", "bench", "doctor.py", "cli", "page"} | {"indexing", "library"}  # these two have keys
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.RAGError)}
# Calls that make the reason and remedy of a file's verdict, or record how a job ended.
VERDICTS = {"Verdict", "LoadedFile", "_loaded", "_refusal", "_of", "_failed", "_verdict", "finish"}
VALUE = "41"
KEY = re.compile(r"[a-z]+\.[a-z_0-9]+")
WORDY = re.compile(r"[a-zA-Z]{2,} .*[a-zA-Z]{2,}")


@dataclass(frozen=True)
class Sentence:
    """One sentence of the source; `opaque` where it is not written there."""

    file: str
    words: str
    opaque: bool = False


def sentences() -> list[Sentence]:
    """All of them, without repetitions."""
    found = {sentence for file in _files() for sentence in _Source(file).sentences()}
    return sorted(found, key=lambda sentence: (sentence.file, sentence.words))


def _files() -> Iterator[Path]:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] not in ELSEWHERE and file.name != "errors.py":
            yield file


class _Source:
    """One file, with what its names stand for."""

    def __init__(self, file: Path) -> None:
        self.name = str(file.relative_to(PACKAGE))
        self.tree = ast.parse(file.read_text(encoding="utf-8"))
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}
        self.constants = dict(self._assigned(self.tree.body))

    def sentences(self) -> Iterator[Sentence]:
        for function in (self.tree, *self.functions.values()):
            for node in self._own(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    yield from self._of_call(node, function)

    def _of_call(self, call: ast.Call, function: ast.AST) -> Iterator[Sentence]:
        name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr  # type: ignore[union-attr]
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        if call.args and isinstance(call.args[0], ast.Constant) and KEY.fullmatch(str(call.args[0].value)):
            return  # a key of the catalogue, which tests/test_messages.py looks after
        if name in ERRORS and name != "PromptTooLongError":
            for value in values:
                yield from self._of_value(value, function)
        elif name in VERDICTS:
            for value in values:
                try:
                    words = [words for words in self._read(value, function) if WORDY.search(words)]
                except LookupError:
                    continue  # a value handed on: the call that made it is read as well
                yield from (Sentence(self.name, written) for written in words)

    def _of_value(self, value: ast.expr, function: ast.AST) -> Iterator[Sentence]:
        try:
            yield from (Sentence(self.name, words) for words in self._read(value, function) if words)
        except LookupError:
            yield Sentence(self.name, ast.unparse(value), opaque=True)

    @staticmethod
    def _own(function: ast.AST) -> Iterator[ast.AST]:
        """The nodes of a function, those of functions inside left out."""
        waiting = list(ast.iter_child_nodes(function))
        while waiting:
            node = waiting.pop()
            if not isinstance(node, ast.FunctionDef):
                yield node
                waiting += ast.iter_child_nodes(node)

    def _read(self, node: ast.AST, function: ast.AST) -> list[str]:
        """What the expression may say. Raises LookupError where the source does not tell."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            parts = [self._part(part, function) for part in node.values]
            return ["".join(chosen) for chosen in itertools.product(*parts)]
        if isinstance(node, ast.BinOp):
            sides = (self._read(node.left, function) or [""], self._read(node.right, function) or [""])
            return ["".join(chosen) for chosen in itertools.product(*sides)]
        if isinstance(node, ast.BoolOp):
            return [words for value in node.values for words in self._read(value, function)]
        if isinstance(node, ast.IfExp):
            return self._read(node.body, function) + self._read(node.orelse, function)
        if isinstance(node, ast.Name):
            return self._named(node.id, function)
        if isinstance(node, ast.Call):
            return self._called(node, function)
        raise LookupError(ast.unparse(node))

    def _part(self, part: ast.expr, function: ast.AST) -> list[str]:
        if isinstance(part, ast.Constant):
            return [str(part.value)]
        assert isinstance(part, ast.FormattedValue)
        try:
            # Two pieces of a sentence beside its values: `known`, `_FETCH_AGAIN`.
            return self._read(part.value, function) or [VALUE]
        except LookupError:
            return [VALUE]

    def _named(self, name: str, function: ast.AST) -> list[str]:
        here = [value for named, value in self._assigned(self._own(function)) if named == name]
        values = here or ([self.constants[name]] if name in self.constants else [])
        found = []
        for value in values:
            with contextlib.suppress(LookupError):  # one of several things it may be
                found += self._read(value, function)
        if not any(found):
            raise LookupError(name)
        return found

    def _called(self, call: ast.Call, function: ast.AST) -> list[str]:
        if isinstance(call.func, ast.Name) and call.func.id in self.functions:
            called = self.functions[call.func.id]
            returned = [node.value for node in self._own(called) if isinstance(node, ast.Return) and node.value]
            return [words for value in returned for words in self._read(value, called)]
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("format", "get"):
            base = call.func.value
            table = self.constants.get(base.id) if isinstance(base, ast.Name) else None
            if isinstance(table, ast.Dict):
                templates = [words for value in table.values for words in self._read(value, function)]
            else:
                templates = self._read(base, function)
            return [re.sub(r"\{\w+(![rs])?\}", VALUE, words) for words in templates]
        raise LookupError(ast.unparse(call))

    @staticmethod
    def _assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, node.value
                    elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                        pairs = zip(target.elts, node.value.elts, strict=False)
                        yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))
