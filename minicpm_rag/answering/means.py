"""What a chain answers with: retriever, model and library, and what each of them offers.

A foreign retriever offers passages only; without a library a passage stands for its page. Knows no question: `ways`
has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig

from minicpm_rag.answering.style import Style
from minicpm_rag.answering.writing import Writer
from minicpm_rag.records import EVIDENCE, DocumentRow, PageText, Retrieval, Scope, Similarity
from minicpm_rag.retrieval import HybridRetriever

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.retrievers import BaseRetriever

    from minicpm_rag.embedding.embedder import Embedder
    from minicpm_rag.embedding.reader import Reader
    from minicpm_rag.library import Library


@dataclass(frozen=True)
class Means:
    """What answers are made with, and how they are told."""

    retriever: BaseRetriever
    llm: BaseLanguageModel[Any] | None
    library: Library | None
    temperature: float
    max_new_tokens: int
    usual_context_tokens: int  # of a model that does not say
    style: Style

    @property
    def context_tokens(self) -> int:
        """The model's context window; a model on a server is asked for it."""
        return int(getattr(self.llm, "context_tokens", self.usual_context_tokens))

    @property
    def knowledge_base(self) -> str:
        """The knowledge base that is searched; empty where the retriever is not ours."""
        return self.retriever.knowledge_base if isinstance(self.retriever, HybridRetriever) else ""

    @property
    def searched_library(self) -> Library | None:
        """The library, where the retriever searches one of its knowledge bases."""
        return self.library if self.knowledge_base else None

    @property
    def embedder(self) -> Embedder | None:
        """What embeds the questions; None where the retriever is not ours."""
        return self.retriever.embedder if isinstance(self.retriever, HybridRetriever) else None

    @property
    def reader(self) -> Reader | None:
        """What proves a model's sentences by their meaning."""
        return self.retriever.reader if isinstance(self.retriever, HybridRetriever) else None

    @property
    def page_text(self) -> PageText | None:
        """What quotes are proven against; None where there is no library: then passages are."""
        return None if self.library is None else self.library.page_text

    @property
    def writer(self) -> Writer | None:
        """The model that writes; None where answers are quotes."""
        if self.llm is None:
            return None
        return Writer(
            self.llm,
            context_tokens=self.context_tokens,
            new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            page_text=self.page_text,
            reader=self.reader,
            style=self.style,
        )

    def rows(self, scope: Scope) -> Sequence[DocumentRow]:
        """The documents that a question may be about."""
        if (library := self.searched_library) is None:
            return ()
        within = library.within(self.knowledge_base, scope)
        rows = library.ready_documents(self.knowledge_base)
        return rows if within is None else [row for row in rows if row.id in within]

    def retrieve(self, question: str, scope: Scope, config: RunnableConfig) -> Retrieval:
        """Find passages. A retriever that gives no evidence is trusted: what it finds counts as evidence."""
        if isinstance(self.retriever, HybridRetriever):
            return self.retriever.retrieve(question, filter=None if scope == Scope() else scope, config=config)
        documents = self.retriever.invoke(question, config)
        evidence = max((float(document.metadata.get(EVIDENCE, 1.0)) for document in documents), default=0.0)
        return Retrieval(documents, evidence, threshold=0.0)

    def similarity(self, found: Retrieval) -> Similarity | None:
        """What compares texts by meaning, where the embedder reads the question."""
        return self.retriever.similarity(found) if isinstance(self.retriever, HybridRetriever) else None
