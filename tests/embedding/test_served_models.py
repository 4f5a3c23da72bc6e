"""An embedder and a reranker behind an address, played by small servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from served_models import ServedModels, served_models

from minicpm_rag.embedding import model_service
from minicpm_rag.embedding.choice import MINILM, load_embedders
from minicpm_rag.embedding.served_embedder import BATCH, ServedEmbedder
from minicpm_rag.embedding.served_reranker import ServedReranker
from minicpm_rag.errors import EmbedderMismatchError, EmbeddingError
from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.records import Service
from minicpm_rag.settings import load_settings
from minicpm_rag.workspace import open_workspace

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def server() -> Iterator[ServedModels]:
    with served_models() as state:
        yield state


@pytest.fixture(params=["openai", "address"], ids=["/v1/embeddings", "TEI"])
def embedder(request: pytest.FixtureRequest, server: ServedModels) -> ServedEmbedder:
    return ServedEmbedder(Service(getattr(server, request.param)))


def test_vectors_come_in_order_with_unit_length(embedder: ServedEmbedder, server: ServedModels) -> None:
    texts = [f"第 {number} 段，泵的保修期是 {number} 个月" for number in range(3 * BATCH + 1)]
    vectors = numpy.asarray(embedder.embed_documents(texts))
    assert vectors.shape == (len(texts), embedder.dimension) == (len(texts), 64)
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert numpy.allclose(vectors, numpy.asarray(server.vectors(texts)) / 2, atol=1e-5)
    assert max(len(body.get("input") or body.get("inputs")) for _, body in server.requests) == BATCH


def test_the_name_and_the_limit_are_the_servers(embedder: ServedEmbedder, server: ServedModels) -> None:
    assert (embedder.name, embedder.limit_tokens) == ("bge-tiny", 512)
    assert not embedder.compares_tokens
    assert embedder.readable_share("任何文字") == 1.0


def test_a_text_beyond_the_limit_is_refused_and_a_long_question_is_read_in_parts(embedder: ServedEmbedder) -> None:
    with pytest.raises(EmbeddingError, match="reads at most 512"):
        embedder.embed_documents(["长" * 600])
    assert numpy.linalg.norm(embedder.embed_query("长问题" * 600)) == pytest.approx(1, abs=1e-5)
    assert embedder.read_question("保修期？").tokens.shape == (0, 64)
    assert embedder.read_passages(["保修期"])[0].token_signs == b""


@pytest.mark.parametrize(
    ("model", "question", "passage"),
    [
        ("intfloat/multilingual-e5-large", "query: 问", "passage: 段"),
        ("BAAI/bge-m3", "问", "段"),
        ("Qwen/Qwen3-Embedding-0.6B", "Instruct: Given a question, retrieve passages that answer it\nQuery: 问", "段"),
    ],
)
def test_models_read_the_prefixes_they_were_trained_with(
    server: ServedModels, model: str, question: str, passage: str
) -> None:
    embedder = ServedEmbedder(Service(server.openai, model))
    embedder.embed_query("问")
    embedder.embed_documents(["段"])
    assert server.texts()[1:] == [question, passage]


def test_other_prefixes_are_another_revision_and_another_address_is_not(server: ServedModels) -> None:
    plain = ServedEmbedder(Service(server.openai, "m"))
    told = ServedEmbedder(Service(server.openai, "m", query_prefix="问题："))
    assert plain.revision != told.revision
    assert plain.revision == ServedEmbedder(Service(NOBODY, "m")).revision, "no server is asked"


def test_a_busy_server_is_asked_again_for_documents_but_a_question_does_not_wait(
    server: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_service, "RETRY_SECONDS", (0.0, 0.0))
    embedder = ServedEmbedder(Service(server.address))
    assert embedder.dimension == 64
    server.failures = [429, 503]
    assert len(embedder.embed_documents(["a"])) == 1
    server.failures = [429]
    with pytest.raises(EmbeddingError, match="error 429: model is overloaded"):
        embedder.embed_query("a")


def test_a_refused_key_a_wrong_address_and_no_server_say_which_setting(server: ServedModels) -> None:
    server.key = "secret"
    with pytest.raises(EmbeddingError, match="MINICPM_RAG_EMBEDDER_API_KEY"):
        ServedEmbedder(Service(server.openai, "m")).embed_query("a")
    assert len(ServedEmbedder(Service(server.openai, "m", "secret")).embed_query("a")) == 64
    with pytest.raises(EmbeddingError, match=r"error 404: Not Found.*MINICPM_RAG_EMBEDDER_URL"):
        ServedEmbedder(Service(f"{server.address}/elsewhere", "m")).embed_query("a")
    with pytest.raises(EmbeddingError, match="cannot be reached"):
        ServedEmbedder(Service(NOBODY, "m")).embed_query("a")
    with pytest.raises(EmbeddingError, match="no address"):
        ServedEmbedder(Service("localhost:8080"))


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    server: ServedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_service, "MOST_BYTES", 200)
    with pytest.raises(EmbeddingError, match="something else than was asked for"):
        ServedEmbedder(Service(server.openai, "m")).embed_query("a")


def test_a_model_that_was_changed_at_the_server_is_noticed(embedder: ServedEmbedder, server: ServedModels) -> None:
    embedder.embed_query("a")
    server.dimension = 32
    with pytest.raises(EmbeddingError, match="64 numbers before, now of 32"):
        embedder.embed_query("a")


def test_a_knowledge_base_records_the_served_model_and_refuses_another_of_its_name(
    tmp_path: Path, server: ServedModels
) -> None:
    note = tmp_path / "note.md"
    note.write_text("泵的保修期是二十四个月。\n", encoding="utf-8")
    with Library(tmp_path / "home", embedder=ServedEmbedder(Service(server.openai))) as library, Worker(library):
        steps = list(follow(library, submit_ingest(library, "default", [note])))
        assert [step.verdict.status for step in steps if step.verdict is not None] == ["indexed"]
        assert library.knowledge_base("default").embedder == "bge-tiny"
        vector = library.embedder_of("default").embed_query("保修期")
        assert library.dense_search("default", vector, 3, embedder=library.embedder)
    server.dimension = 32
    with Library(tmp_path / "home", embedder=ServedEmbedder(Service(server.openai))) as library, Worker(library):
        vector = library.embedder_of("default").embed_query("保修期")
        with pytest.raises(EmbedderMismatchError, match="another revision"):
            library.dense_search("default", vector, 3, embedder=library.embedder)
        note.write_text("泵的保修期是三十六个月。\n", encoding="utf-8")
        with pytest.raises(EmbedderMismatchError, match="another revision"):
            list(follow(library, submit_ingest(library, "default", [note])))
        assert [row.chunks for row in library.documents("default")] == [1], "the old document is still there"


def test_older_knowledge_bases_keep_their_own_embedder(tmp_path: Path, server: ServedModels) -> None:
    found = load_embedders(MINILM, tmp_path, service=Service(server.openai))
    assert found.default.name == "bge-tiny"
    assert found.older[0].name == MINILM


@pytest.mark.parametrize("form", ["openai", "address"], ids=["vLLM, Jina, Cohere", "TEI"])
def test_scores_come_in_the_order_of_the_texts(server: ServedModels, form: str) -> None:
    reranker = ServedReranker(Service(getattr(server, form)))
    texts = [f"other {number}" for number in range(40)] + ["The pump has a warranty."]
    scores = reranker.scores("pump warranty", texts)
    assert len(scores) == 41 and scores.index(max(scores)) == 40
    assert all(0 <= score <= 1 for score in scores)
    assert len(server.requests) == 2
    assert reranker.scores("anything", []) == []


def test_a_reranker_that_is_not_there_names_its_setting() -> None:
    with pytest.raises(EmbeddingError, match="MINICPM_RAG_RERANKER_URL"):
        ServedReranker(Service(NOBODY, "m")).scores("q", ["t"])


def test_settings_choose_both(tmp_path: Path, server: ServedModels) -> None:
    settings = load_settings(home=tmp_path, embedder_url=server.openai, reranker_url=server.address)
    with open_workspace(settings) as workspace:
        assert workspace.embedder.name == "bge-tiny"
        assert workspace.reranker is not None
        assert workspace.reranker.scores("pump", ["the pump", "a fan"]) == [1.0, 0.0]
