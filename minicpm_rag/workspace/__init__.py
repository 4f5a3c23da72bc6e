"""Builds everything from the settings, once: embedder, library, retrievers and what answers.

The only place that does. Opening is quick: models are loaded on first use or by `warm()`.
"""

from __future__ import annotations

import copy
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from minicpm_rag.records import User
from minicpm_rag.settings import Settings
from minicpm_rag.text.sizes import file_size
from minicpm_rag.workspace.answerer import Answerer, Server, configured, load, model_folder

if TYPE_CHECKING:
    from minicpm_rag.answering import AnswerChain
    from minicpm_rag.answering.style import Length
    from minicpm_rag.embedding.choice import Embedders
    from minicpm_rag.embedding.embedder import Embedder
    from minicpm_rag.embedding.reranker import Reranker
    from minicpm_rag.embedding.served_reranker import ServedReranker
    from minicpm_rag.library import Library
    from minicpm_rag.llm.minicpm import MiniCPM_LLM
    from minicpm_rag.llm.remote import Connection, RemoteLLM
    from minicpm_rag.llm.speed import Speed
    from minicpm_rag.messages import Language
    from minicpm_rag.retrieval import HybridRetriever

# What libraries would do without being asked: tracing, telemetry, requests to a hub. And OMP_WAIT_POLICY, because
# libgomp's threads spin while they wait, which slows torch down many times beside another busy process. So do those of
# OpenBLAS, with which numpy multiplies: a search took twice the processor time with two threads.
_ENVIRONMENT = {
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "ORT_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "HF_HUB_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def open_workspace(settings: Settings) -> Workspace:
    """Open the workspace of these settings; close it, or use it in `with`."""
    prepare_environment()
    return Workspace(settings)


def prepare_environment() -> None:
    """Turn off what would leave this machine, and threads that spin; before torch, LangChain and numpy are imported."""
    os.environ.update(_ENVIRONMENT)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@dataclass
class _Answering:
    """What answers, and the model once it is loaded: the same for all users of a workspace."""

    answerer: Answerer
    loaded: MiniCPM_LLM | RemoteLLM | None = None
    switching: threading.Lock = field(default_factory=threading.Lock)


class Workspace:
    """All parts of the program, built when they are first needed. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._answering = _Answering(configured(settings))
        self._building = threading.RLock()
        self._embedders: Embedders | None = None
        self._library: Library | None = None
        self._reranker: Reranker | ServedReranker | None = None

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model and close the library."""
        with self._answering.switching:
            self._free()
        if self._library is not None:
            self._library.close()

    def seen_by(self, user: User | None) -> Workspace:
        """The same workspace with the library as a user may see it; None may everything. Not to be closed."""
        library, _ = self.library, self.reranker  # built before they are shared
        seen = copy.copy(self)
        seen._library = library.seen_by(user)
        return seen

    @property
    def embedder(self) -> Embedder:
        """The embedding model of new knowledge bases; its weights load on first use."""
        return self.embedders.default

    @property
    def embedders(self) -> Embedders:
        """The embedding models for new and for older knowledge bases."""
        from minicpm_rag.embedding.choice import load_embedders

        with self._building:
            if self._embedders is None:
                settings = self.settings
                self._embedders = load_embedders(settings.embedder, settings.home, service=settings.embedder_service)
            return self._embedders

    @property
    def library(self) -> Library:
        """The library of the home folder."""
        from minicpm_rag.library import Library

        with self._building:
            if self._library is None:
                self._library = Library.of(self.settings, self.embedders)
                self._library.common = self.settings.knowledge_base
            return self._library

    @property
    def reranker(self) -> Reranker | ServedReranker | None:
        """The cross-encoder, where a setting names one: on a server, or in a folder."""
        from minicpm_rag.embedding.reranker import open_reranker
        from minicpm_rag.embedding.served_reranker import ServedReranker

        with self._building:
            if self._reranker is None and self.settings.reranker_service is not None:
                self._reranker = ServedReranker(self.settings.reranker_service)
            if self._reranker is None and self.settings.reranker is not None:
                self._reranker = open_reranker(self.settings.reranker)
            return self._reranker

    def retriever(
        self, knowledge_base: str | None = None, *, passages: int | None = None, rerank: bool = True
    ) -> HybridRetriever:
        """The retriever of a knowledge base, the settings' own where none is named."""
        from minicpm_rag.retrieval import HybridRetriever

        name = knowledge_base or self.settings.knowledge_base
        return HybridRetriever(
            library=self.library,
            embedder=self.library.embedder_of(name),
            knowledge_base=name,
            passages=passages or self.settings.passages,
            reranker=self.reranker if rerank else None,
        )

    @property
    def mode(self) -> Literal["model", "extractive"]:
        """Whether a model answers, or sentences are quoted."""
        return "extractive" if self._answering.answerer == Answerer() else "model"

    @property
    def model_name(self) -> str | None:
        """The model's name as users know it; None in no-model mode."""
        if self._answering.answerer.folder is not None:
            return self._answering.answerer.folder.name
        if self._answering.answerer.server is not None:
            return self._answering.answerer.server.model or self._answering.answerer.server.address
        return None

    @property
    def llm(self) -> MiniCPM_LLM | RemoteLLM | None:
        """The answering model, loaded when first asked for; None in no-model mode."""
        with self._answering.switching:
            if self._answering.loaded is None and self.mode == "model":
                self._answering.loaded = load(self._answering.answerer, self.settings)
            return self._answering.loaded

    def use_model(self, folder: Path | str | None) -> None:
        """Answer with another model from now on, or with None by quotes; frees the one before.

        A folder that cannot be loaded leaves things as they were and raises CheckpointError.
        """
        if folder is None:
            self._use(Answerer())
            return
        self._use(Answerer(folder=model_folder(folder, self.settings.home)))

    def use_server(self, address: str, model: str | None = None, key: str | None = None) -> None:
        """Answer with an OpenAI-compatible server from now on."""
        self._use(Answerer(server=Server(address, model, key)))

    def test_server(self, address: str, model: str | None = None, key: str | None = None) -> Connection:
        """Ask a server for its models and for a first word. Raises ModelError, with the cause and what to do."""
        from minicpm_rag.workspace.answerer import connected

        return connected(Server(address, model, key), self.settings).test()

    def chain(
        self,
        knowledge_base: str | None = None,
        *,
        passages: int | None = None,
        temperature: float | None = None,
        max_new_tokens: int | None = None,
        rerank: bool = True,
        answer_language: Language | None = None,
        answer_length: Length = "normal",
    ) -> AnswerChain:
        """The chain over a knowledge base; values given here go before the settings.

        It answers in the question's language where `answer_language` is None.
        """
        retriever = self.retriever(knowledge_base, passages=passages, rerank=rerank)
        from minicpm_rag.answering import build_chain
        from minicpm_rag.answering.style import Style

        changed = {"temperature": temperature, "max_new_tokens": max_new_tokens}
        settings = self.settings.model_copy(
            update={name: value for name, value in changed.items() if value is not None}
        )
        style = Style(answer_language, answer_length)
        return build_chain(settings, retriever=retriever, llm=self.llm, style=style)

    def warm(self) -> None:
        """Load models and dictionaries now, so that the first question need not wait for them."""
        from minicpm_rag.text.questions import chinese_words

        chinese_words("你好")
        retriever = self.retriever()
        retriever.embedder.embed_query("你好 hello")
        if retriever.reader is not None:
            retriever.reader.read("", [])
        _ = self.llm

    def facts(self) -> dict[str, str]:
        """What answers and how it runs: model, family, context, device, precision, attention, memory."""
        llm = self.llm
        if llm is None:
            return {"model": "", "device": ""}
        from minicpm_rag.llm.minicpm import MiniCPM_LLM

        if not isinstance(llm, MiniCPM_LLM):
            return {"model": self.model_name or "", "device": "server"}
        running = llm.running
        return {
            "model": self.model_name or "",
            "family": running.family,
            "context": f"{llm.context_tokens:,}",
            "device": running.device,
            "precision": running.precision + ("" if running.weights == "full" else f", {running.weights}"),
            "attention": running.attention,
            "memory": file_size(running.weight_bytes),
            "cache": file_size(running.cache_bytes) if running.cache_bytes else "",
        }

    def measure_speed(self) -> Speed | None:
        """How quickly the loaded model writes a short text here; None where no model of this machine answers.

        Raises ModelError where it writes too little.
        """
        from minicpm_rag.llm.minicpm import MiniCPM_LLM
        from minicpm_rag.llm.speed import measure_speed

        llm = self.llm
        return measure_speed(llm) if isinstance(llm, MiniCPM_LLM) else None

    def _use(self, answerer: Answerer) -> None:
        with self._answering.switching:
            before = self._answering.answerer
            # Freed first: two models seldom fit one device.
            self._free()
            self._answering.answerer = answerer
            if answerer == Answerer():
                return
            try:
                self._answering.loaded = load(answerer, self.settings)
            except BaseException:
                self._answering.answerer = before  # loaded again when next asked for
                raise

    def _free(self) -> None:
        close = getattr(self._answering.loaded, "close", None)
        self._answering.loaded = None
        if close is not None:
            close()
