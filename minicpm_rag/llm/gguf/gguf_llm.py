"""GGUF files, answered with by llama.cpp: `GgufLLM("MiniCPM5-1B-Q4_K_M.gguf")` is used as MiniCPM_LLM is.

Wants the extra: `pip install ".[gguf]"`. Neither torch nor transformers is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.checkpoint.chat_format import ChatFormat
from minicpm_rag.llm.generation.queued import Queued
from minicpm_rag.llm.generation.text import TextGenerator
from minicpm_rag.llm.gguf.engine import GgufEngine, Schema
from minicpm_rag.llm.gguf.process import LlamaProcess, Load
from minicpm_rag.llm.gguf.tokenizer import GgufTokenizer
from minicpm_rag.llm.loading import Loading
from minicpm_rag.llm.minicpm import MiniCPM_LLM, Running, _Loaded
from minicpm_rag.models import hardware
from minicpm_rag.models.gguf import GgufFile, find_gguf, read_gguf

USUAL_CONTEXT_TOKENS = 8192  # llama.cpp takes the memory of the whole window at once
_CACHE_BYTES_PER_VALUE = 2
_WORKING_BYTES = 300_000_000  # buffers for one batch, and the process itself


class GgufLLM(MiniCPM_LLM):
    """A GGUF file, or a folder with one, as a LangChain LLM; all that MiniCPM_LLM takes in a call, it takes too.

    `precision`, `weights`, `attention`, `key_value_cache` and `gpu_gigabytes` have no effect: the file's numbers are
    computed with as they are, and llama.cpp puts on a GPU what fits there, where it was built for one. Raises
    CheckpointError, PromptTooLongError, OutOfMemoryError and other kinds of ModelError.
    """

    window: int | None = Field(None, ge=64, description="context in tokens; None: the file's, up to 8192")

    def __init__(self, model_path: str | Path, **settings: Any) -> None:
        """Start llama.cpp and load the file."""
        super().__init__(model_path, **settings)

    def _begin(self, how: Loading, model: Any, tokenizer: Any, engine: Any) -> _Loaded:
        path = find_gguf(Path(self.model_path)) or Path(self.model_path)
        file = read_gguf(path)
        trained = file.context_tokens or USUAL_CONTEXT_TOKENS
        context = min(self.window or USUAL_CONTEXT_TOKENS, trained)
        cache = context * file.cache_values_per_token * _CACHE_BYTES_PER_VALUE
        slots = 2 if 2 * cache <= hardware.ram_bytes() // 16 else 1  # two answers at once where that costs little
        load = Load(path, context, slots, _threads(), file.file_bytes + slots * cache + _WORKING_BYTES, self.device)
        process = LlamaProcess(load)
        try:
            self._tokenizer = GgufTokenizer(file, process)
            self._format = ChatFormat(self._tokenizer)
        except BaseException:
            process.close()
            raise
        generator = TextGenerator(
            Queued(GgufEngine(process, self._tokenizer.within_text)), self._tokenizer, context, len(self._tokenizer)
        )
        return _Loaded(how, self._tokenizer, self._format, _Served(file, process), generator)

    def _find_end_tokens(self) -> tuple[int, ...]:
        """The file's end token and the chat format's; llama.cpp knows more of them itself."""
        ends = {self._tokenizer.eos_token_id, self._format.end_token}
        return tuple(sorted(end for end in ends if end is not None))

    @property
    def parameters(self) -> int:
        """How many numbers the file's weights are."""
        return self._served.file.parameters

    @property
    def running(self) -> Running:
        """How the model runs now."""
        file, process = self._served.file, self._served.process
        cache = process.load.slots * process.load.context * file.cache_values_per_token * _CACHE_BYTES_PER_VALUE
        return Running(
            family=file.architecture,
            device=", ".join(process.devices) or "cpu",
            precision=f"GGUF {file.format}".strip(),
            weights="full",
            attention="llama.cpp",
            weight_bytes=file.file_bytes,
            cache_bytes=cache,
        )

    def close(self) -> None:
        """End llama.cpp's process; the object cannot be used afterwards."""
        if self._generator is not None:
            self._generator.close()
        self._generator = self._model = self.loaded = None

    def _constraint(self, schema: dict[str, Any]) -> Any:
        if not self._tokenizer.can_keep_to_schemas:
            raise ModelError("llm.gguf_no_schema", path=self._served.file.path)
        return Schema(schema)

    @property
    def _served(self) -> _Served:
        self._open_generator()
        served: _Served = self._model
        return served


class _Served:
    """The file, and the process that has it loaded; it stands where MiniCPM_LLM has transformers' model."""

    def __init__(self, file: GgufFile, process: LlamaProcess) -> None:
        self.file = file
        self.process = process


def _threads() -> int:
    """One thread a physical core that this process may use: two on one core only get in each other's way."""
    import psutil

    return max(1, min(hardware.cores(), psutil.cpu_count(logical=False) or hardware.cores()))
