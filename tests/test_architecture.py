"""Imports go downward only: each module may import what ALLOWED says, and heavy packages only inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "minicpm_rag"

# Known to every module; they know nothing but each other.
BASE = {"errors", "settings", "records", "sentences", "segmentation", "questions", "statements", "claims", "numerals"}

# module -> what it may import beside BASE. A module not listed here is a stage that imports no other stage.
ALLOWED: dict[str, set[str]] = {
    # Decoding on the GPU, and its measurements
    "bench_cpu": {"bench", "generation"},
    "decoding": {
        "decoding_cache", "decoding_graphs", "decoding_plain", "decoding_rope", "decoding_scheduler",
        "decoding_slots", "decoding_step", "decoding_text", "decoding_weights", "generation",
        "quantization",
    },
    "decoding_cache": {"decoding_weights"},
    "decoding_fast": {
        "decoding_attention", "decoding_blocks", "decoding_cache", "decoding_choice", "decoding_linear",
        "decoding_rope", "decoding_slots", "decoding_weights", "quantization",
    },
    "decoding_graphs": {
        "decoding_cache", "decoding_fast", "decoding_plain", "decoding_slots", "decoding_step",
    },
    "decoding_plain": {
        "decoding_cache", "decoding_lookup", "decoding_rope", "decoding_sampling", "decoding_slots",
        "decoding_weights", "quantization",
    },
    "decoding_sampling": {"decoding_slots"},
    "decoding_scheduler": {"decoding_graphs", "decoding_slots", "decoding_step", "decoding_text"},
    "decoding_slots": {"generation"},
    "decoding_step": {
        "decoding_cache", "decoding_plain", "decoding_rope", "decoding_slots", "decoding_weights",
    },
    "decoding_text": {"generation"},
    "decoding_weights": {"quantization"},
    # The library
    "ledger": {"schema"},
    "chunk_rows": {"keywords"},
    "vectors": {"chroma", "owner_lock"},
    "documents": {"chunk_rows", "keywords"},
    "indexes": {"chunk_rows", "keywords", "ledger"},
    "passages": {"chunk_rows"},
    "sweep": {"chunk_rows", "keywords", "ledger", "originals", "vectors"},
    "jobs": {"documents"},
    "knowledge_bases": {"documents"},
    "names": {"documents"},
    "vector_repair": {"chunk_rows", "indexes", "ledger", "vectors"},
    "dense": {"indexes", "knowledge_bases", "ledger", "passages", "vectors"},
    "storage": {
        "chunk_rows", "documents", "indexes", "keywords", "ledger", "names", "page_rows", "sweep",
        "vectors",
    },
    "exporting": {"chunk_rows", "documents", "indexes", "knowledge_bases", "ledger", "names", "page_rows"},
    "cutting": {"chunking", "embeddings", "storage"},
    "reading": {"loaders", "originals", "storage"},
    "repair": {
        "chunk_rows", "cutting", "indexes", "keywords", "ledger", "page_rows", "sweep",
        "vector_repair", "vectors",
    },
    "library": {
        "chunk_rows", "dense", "documents", "embeddings", "exporting", "indexes", "jobs",
        "keywords", "knowledge_bases", "ledger", "originals", "page_rows", "passages", "repair",
        "vectors",
    },
    "importing": {
        "chunk_rows", "cutting", "exporting", "indexes", "knowledge_bases", "library", "page_rows",
        "storage", "sweep",
    },
    "reindexing": {
        "cutting", "documents", "indexes", "knowledge_bases", "library", "page_rows", "storage",
        "sweep",
    },
    "removing": {"knowledge_bases", "library", "names", "originals", "sources", "storage"},
    "ingest": {
        "cutting", "documents", "embeddings", "indexes", "knowledge_bases", "library", "loaders",
        "originals", "page_rows", "reading", "removing", "sources", "storage",
    },
    "owner": {
        "cutting", "importing", "ingest", "jobs", "knowledge_bases", "library", "reindexing",
        "removing", "repair", "sweep", "vector_repair",
    },
    "worker": {"cutting", "indexes", "jobs", "knowledge_bases", "library", "originals", "owner", "sources"},
    "retrieval": {"evidence", "found", "fusion", "matching", "readability", "selection"},
    "calibration": {"evidence", "keywords", "readability"},
    "passage_sets": {"library", "worker"},
    "question_sets": {"library"},
    "answer_evaluation": {"question_sets", "workspace"},
    "proof": {"proof_sources", "remarks"},
    "finding": {"proof", "retrieval"},
    "citations": {"marks", "proof"},
    "writing": {"citations", "extractive", "model_stream", "prompt", "proof"},
    "chain": {"answer", "citations", "finding", "followups", "library", "model_stream", "rewrite", "writing"},
    "answer": {"chain", "citations"},
    "answerer": {"hardware", "minicpm", "models", "remote"},
    "workspace": {
        "answer", "answerer", "chain", "embeddings", "library", "minicpm", "remote", "rerank", "retrieval",
    },
    "download": {"catalogue", "manifest"},
    "models": {"catalogue", "download", "hardware", "manifest"},
    "doctor": {"checkpoint", "embeddings", "hardware", "library", "models", "weights"},
}  # fmt: skip

HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "chromadb",
    "langchain_community",
    "modelscope",
    "jieba",
    "opencc",
}
EDGES = {"cli", "evaluation", "bench"}


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(path: Path) -> set[str]:
    known = modules()
    names = {name.removeprefix("minicpm_rag.") for name in imports(path) if name.startswith("minicpm_rag.")}
    return {name for name in names if name in known}


@pytest.mark.parametrize("name", [name for name in modules() if not name.endswith("__init__")])
def test_imports_go_downward_only(name: str) -> None:
    if name.split(".")[0] in EDGES | {"__main__", "commands", "page"}:
        return
    allowed = BASE | ALLOWED.get(name, set())
    assert imported_modules(modules()[name]) <= allowed, f"{name} may import only {sorted(allowed)}"


@pytest.mark.parametrize("name", list(modules()))
def test_heavy_packages_are_imported_inside_functions(name: str) -> None:
    roots = {module.split(".")[0] for module in imports(modules()[name], top_level_only=True)}
    assert not roots & HEAVY


def test_nothing_imports_the_edges() -> None:
    for name, path in modules().items():
        above = {module for module in imported_modules(path) if module.split(".")[0] in {"cli", "page"}}
        if name.split(".")[0] not in {"cli", "__main__", "page"}:
            assert not above, f"{name} imports {above}"
