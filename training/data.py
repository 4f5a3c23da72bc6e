"""What prepare.py wrote, read back: rows, and the tokens that each row puts before the reader."""

from __future__ import annotations

import io
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LIMITS = {"question": 64, "claim": 80, "context": 60}  # tokens; minicpm_rag/embedding/reader.py cuts alike


def load_weights(prefixes: Sequence[Path]) -> dict[str, np.ndarray]:
    """The mean of the weights that train.py saved in parts, float32."""
    trained = []
    for prefix in prefixes:
        parts = sorted(prefix.parent.glob(prefix.name + ".*"))
        trained.append(np.load(io.BytesIO(b"".join(part.read_bytes() for part in parts))))
    return {name: np.mean([one[name].astype(np.float32) for one in trained], axis=0) for name in trained[0].files}


class Data:
    """`data["kind"]` is a column of the rows; `sequence(n)` is what the reader sees of row n."""

    def __init__(self, folder: Path) -> None:
        arrays = np.load(io.BytesIO(lzma.decompress((folder / "data.npz.xz").read_bytes())))
        self.meta = json.loads((folder / "meta.json").read_text())
        self.rows = arrays["rows"]
        self.table = arrays["table"]  # the rows of the embedder's table that these texts need, float16
        self.body = {k.removeprefix("body."): arrays[k] for k in arrays.files if k.startswith("body.")}
        self._column = {name: n for n, name in enumerate(self.meta["columns"])}
        self._tokens = arrays["tokens"].astype(np.int32)
        self._ends = np.cumsum(arrays["lengths"].astype(np.int64))
        self._begins = self._ends - arrays["lengths"]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.rows[:, self._column[name]]

    def sequence(self, number: int, *, without_context: bool = False) -> tuple[np.ndarray, int]:
        """The tokens of a row, and where its passage begins."""
        row = self.rows[number]
        end = np.array([self.meta["eos"]], np.int32)
        parts = [np.array([self.meta["bos"]], np.int32)]
        for name, limit in LIMITS.items():
            text = row[self._column[name]]
            if not (name == "context" and without_context):
                parts.append(self._tokens[self._begins[text] : min(self._ends[text], self._begins[text] + limit)])
            parts.append(end)
        first, last, passage = (row[self._column[c]] for c in ("first", "last", "passage"))
        start = self._begins[passage]
        tokens = np.concatenate([*parts, self._tokens[start + first : start + last + 1], end])
        return tokens[:512], sum(map(len, parts))

    def words(self, number: int) -> np.ndarray:
        """The rows of the embedder's table for a row's tokens, (tokens, 384)."""
        return self.table[self.sequence(number)[0]].astype(np.float32)
