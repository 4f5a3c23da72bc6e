"""Load a checkpoint's tokenizer exactly as it was shipped.

transformers 5's `AutoTokenizer` asks on the console whether to run the folder's code, and then rebuilds the pipeline,
which gives other ids. Here `tokenizer.json` is used as it is; for a folder that only has `tokenizer.model`, the
`tokenizer.json` that transformers 4 makes of it is written to a temporary folder.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint.adapter import tokenizer_folder
from minicpm_rag.llm.checkpoint.weights import check_not_pointer, read_json
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# What belongs to a tokenizer beside the pipeline itself.
SMALL_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja")


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a checkpoint folder, without its remote code.

    Raises CheckpointError naming the file that is missing or damaged.
    """
    folder = tokenizer_folder(Path(folder).expanduser())
    for name in SMALL_FILES:
        if name.endswith(".json") and (folder / name).is_file():
            read_json(folder / name)
    if (folder / "tokenizer.json").is_file():
        check_not_pointer(folder / "tokenizer.json")
        return _load_pipeline(folder)
    if not (folder / "tokenizer.model").is_file():
        raise CheckpointError("llm.no_tokenizer", folder=folder)
    with tempfile.TemporaryDirectory() as converted:
        write_pipeline(folder / "tokenizer.model", Path(converted) / "tokenizer.json")
        for name in SMALL_FILES:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, Path(converted) / name)
        return _load_pipeline(Path(converted))


def _load_pipeline(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    try:
        # Not AutoTokenizer, see above: this class only wraps the pipeline in the file.
        return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as exc:  # tokenizers raises bare Exception for a damaged file
        raise CheckpointError("llm.damaged", path=folder / "tokenizer.json", why=reason_of(exc)) from exc


def write_pipeline(sentencepiece_file: Path, target: Path) -> None:
    """Write the `tokenizer.json` that gives the same ids as a SentencePiece BPE model with byte fallback."""
    import sentencepiece

    check_not_pointer(sentencepiece_file)
    model = sentencepiece.SentencePieceProcessor()
    try:
        model.Load(str(sentencepiece_file))
    except (RuntimeError, OSError) as exc:
        raise CheckpointError("llm.damaged", path=sentencepiece_file, why=reason_of(exc)) from exc
    pieces = [model.IdToPiece(index) for index in range(model.GetPieceSize())]
    if model.PieceToId("<0x00>") == model.unk_id():
        raise CheckpointError("llm.no_byte_pieces", path=sentencepiece_file)
    scores = [model.GetScore(index) for index in range(len(pieces))]
    special = [index for index in range(len(pieces)) if model.IsUnknown(index) or model.IsControl(index)]
    pipeline = _pipeline(pieces, _merges(pieces, scores), special, pieces[model.bos_id()], model.bos_id())
    target.write_text(json.dumps(pipeline, ensure_ascii=False), encoding="utf-8")


def _merges(pieces: list[str], scores: list[float]) -> list[list[str]]:
    """All pairs of pieces that join to a piece, in the order in which BPE merges them: best score first.

    Equal scores keep the order of the pieces; the splits of one piece are in the order of their left halves.
    """
    ids = {piece: index for index, piece in enumerate(pieces)}
    merges: list[tuple[float, str, str]] = []
    for piece, score in zip(pieces, scores, strict=True):
        splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in splits if left in ids and right in ids]
        known.sort(key=lambda pair: (ids[pair[0]], ids[pair[1]]))
        merges.extend((score, left, right) for left, right in known)
    merges.sort(key=lambda merge: -merge[0])  # stable: keeps the order above
    return [[left, right] for _, left, right in merges]


def _pipeline(pieces: list[str], merges: list[list[str]], special: list[int], bos: str, bos_id: int) -> dict[str, Any]:
    begin = {"SpecialToken": {"id": bos, "type_id": 0}}
    begin_second = {"SpecialToken": {"id": bos, "type_id": 1}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": pieces[index],
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index in special
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                begin,
                {"Sequence": {"id": "A", "type_id": 0}},
                begin_second,
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {bos: {"id": bos, "ids": [bos_id], "tokens": [bos]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": pieces[0],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: index for index, piece in enumerate(pieces)},
            "merges": merges,
        },
    }
