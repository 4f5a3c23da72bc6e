"""Find the passages that bear on a question, with the evidence that they answer: a LangChain retriever.

What is done for one question, and in which order, is in `search`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import minicpm_rag.retrieval.langsmith_client  # noqa: F401 - before LangChain

# isort: split
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import AliasChoices, Field

from minicpm_rag.errors import TableGoneError
from minicpm_rag.records import Retrieval, Scope, Similarity
from minicpm_rag.retrieval.evidence import SETTING, Calibration, calibration_from_json, shipped_calibration
from minicpm_rag.retrieval.search import Search
from minicpm_rag.settings import PASSAGES
from minicpm_rag.text.questions import check_question

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

READS_WHOLLY = 0.4  # dense weight, of at most 0.5, from which on the embedder is taken to read the question


class HybridRetriever(BaseRetriever):
    """LangChain retriever over one knowledge base of the library."""

    library: Any
    embedder: Any
    knowledge_base: str = "default"
    passages: int = Field(default=PASSAGES, ge=1, validation_alias=AliasChoices("passages", "k"))  # LangChain says k
    reranker: Any = None
    scope: Scope | None = None  # the documents that are searched, where a question names none
    reader: Any = None  # reads the first passages; answers are proven with it too. The embedder's, where it has one

    def model_post_init(self, context: Any, /) -> None:
        """Take the embedder's reader; it loads when it first reads."""
        from minicpm_rag.embedding.reader import reader_for

        super().model_post_init(context)
        if self.reader is None:
            self.reader = reader_for(self.embedder)

    def retrieve(
        self,
        question: str,
        limit: int | None = None,
        *,
        without: Collection[int] = (),
        filter: Scope | None = None,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
    ) -> Retrieval:
        """The best passages, the probability that they answer, and a trace that explains them.

        Only documents that `filter` holds are searched, as if there were no others.
        The ids of documents in `without` are left out: evaluation asks what would be found if they were not there.
        Callbacks of `config` see a retriever run, as they do with `invoke`.
        """
        found: list[Retrieval] = []
        self.invoke(question, config, passages=limit, without=without, filter=filter, receive=found.append)
        return found[0]

    @property
    def threshold(self) -> float:
        """The evidence under which no model should be called."""
        return self.calibration().threshold

    def calibration(self) -> Calibration:
        """The knowledge base's own calibration if it was made with this embedder, else the shipped one."""
        stored = self.library.setting(self.knowledge_base, SETTING)
        if stored is not None:
            own = calibration_from_json(stored)
            if own.revision == self.embedder.revision:
                return own
        return shipped_calibration(self.embedder.name, self.embedder.revision)

    def similarity(self, retrieval: Retrieval) -> Similarity | None:
        """A function that compares texts by their vectors; None where the embedder does not read the question."""
        if retrieval.trace is None or retrieval.trace.dense_weight < READS_WHOLLY:
            return None
        return self._cosines

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        passages: int | None = None,
        k: int | None = None,
        without: Collection[int] = (),
        filter: Scope | None = None,  # noqa: A002
        receive: Callable[[Retrieval], object] = lambda _: None,
    ) -> list[Document]:
        check_question(query)
        limit = passages or k or self.passages
        within = filter or self.scope
        try:
            retrieval = self._retrieve_still(query, limit, without, within)
        except TableGoneError:  # the index was replaced after it was found and before it was read: the new one is asked
            retrieval = self._retrieve_still(query, limit, without, within)
        receive(retrieval)
        return retrieval.documents

    def _retrieve_still(self, question: str, limit: int, without: Collection[int], scope: Scope | None) -> Retrieval:
        with self.library.ledger.holding_still():  # what is found is still there when its text is read
            search = Search(
                question,
                library=self.library,
                knowledge_base=self.knowledge_base,
                embedder=self.embedder,
                reader=self.reader,
                reranker=self.reranker,
                calibration=self.calibration(),
                within=None if scope is None else self.library.within(self.knowledge_base, scope),
                without=without,
            )
            return search.best(limit)

    def _cosines(self, text: str, others: Sequence[str]) -> list[float]:
        """The cosine of each text to the first argument; 0 for one that is too long for the embedder."""
        wanted = self.embedder.embed_query(text)
        short = [other for other in others if self.embedder.count_tokens(other) <= self.embedder.limit_tokens]
        vectors = dict(zip(short, self.embedder.embed_documents(short), strict=True))
        return [
            sum(a * b for a, b in zip(wanted, vectors[other], strict=True)) if other in vectors else 0.0
            for other in others
        ]
