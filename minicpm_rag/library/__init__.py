"""The library: knowledge bases with their documents, page texts, vectors and keywords, behind one class to read them.

Joins the ledger (SQLite: what is true) and the vectors (Chroma), or has both in PostgreSQL. It does not know how
files are read, split or embedded, nor how documents are written: `indexing` does that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from minicpm_rag.errors import (
    EmbedderMismatchError,
    LibraryError,
    NotFoundError,
    SettingsError,
    TableGoneError,
)
from minicpm_rag.library import access
from minicpm_rag.library.dense import DenseSearch
from minicpm_rag.library.exporting import export
from minicpm_rag.library.keyword_search import KeywordSearch
from minicpm_rag.library.ledger import chunks, documents, keywords, knowledge_bases, people, scopes, tables
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.knowledge_bases import Index
from minicpm_rag.library.ledger.opening import open_ledger
from minicpm_rag.library.ledger.postgres import PostgresLedger
from minicpm_rag.library.listing import Listing
from minicpm_rag.library.original_store import OriginalStore
from minicpm_rag.library.originals import UPLOAD, sha256_of, upload_path, upload_source
from minicpm_rag.library.postgres_vectors import PostgresVectors
from minicpm_rag.library.users import Users
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.messages import Message
from minicpm_rag.records import (
    CHUNK_ID,
    DOCUMENT_ID,
    SOURCE,
    TITLE,
    Chunk,
    DataTable,
    DocumentRow,
    KnowledgeBase,
    Page,
    Scope,
    User,
)

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embedding.choice import Embedders
    from minicpm_rag.embedding.embedder import Embedder
    from minicpm_rag.settings import Settings

LISTINGS_KEPT = 4  # of knowledge bases; one of 10,000 documents takes some 15 MB
TOLD = "told of embedder"  # the setting that says which embedder a user was told to reindex for

_Arguments = ParamSpec("_Arguments")
_Found = TypeVar("_Found")


def _again_where_replaced(search: Callable[_Arguments, _Found]) -> Callable[_Arguments, _Found]:
    """Repeat a search whose index was replaced between finding and reading it: there is a new one.

    Inside `holding_still` the error is passed on: whoever began that must read everything anew.
    """

    @wraps(search)
    def searched(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Found:
        try:
            return search(*arguments, **options)
        except TableGoneError:
            library = arguments[0]
            if not isinstance(library, Library) or library.ledger.is_held_still:
                raise
            return search(*arguments, **options)

    return searched


class Library(Users):
    """Everything the user has put in. Thread-safe; opening is cheap, Chroma is opened when first needed.

    Only the owner (the process whose `indexing.Worker` writes) may open the Chroma folder; elsewhere searches compare
    with the vectors the ledger keeps, which are the same.
    """

    @classmethod
    def of(cls, settings: Settings, embedders: Embedders | None = None) -> Library:
        """The library that the settings name; without embedders for what neither embeds nor searches."""
        return cls(
            settings.home,
            embedder=embedders.default if embedders else None,
            older=embedders.older if embedders else (),
            chroma_url=settings.chroma_url,
            database=settings.database_url,
            originals=settings.originals,
        )

    def __init__(
        self,
        home: Path,
        *,
        embedder: Embedder | None,
        older: Sequence[Embedder] = (),
        chroma_url: str | None = None,
        database: str | None = None,
        originals: str | None = None,
    ) -> None:
        """Open a home. `embedder` is for new knowledge bases, `older` are others that one may have been made with.

        With a `database` (postgresql://...) all but uploaded files is kept there, with `originals` (s3://... or a
        folder) these too are kept in a second place. Raises RAGError.
        """
        self.originals = None if originals is None else OriginalStore(originals)
        self.home = home
        self.embedder = embedder
        self._older = older
        self.user: User | None = None  # who asks; None may everything
        self.common = "default"  # the knowledge base that everybody may see when an upload makes it
        self.uploads = home / "uploads"
        if database and chroma_url:
            raise SettingsError("library.database_and_chroma")
        self.ledger = open_ledger(home, database)
        if isinstance(self.ledger, PostgresLedger):
            self.vectors: VectorStore = PostgresVectors(self.ledger)
        else:
            self.vectors = VectorStore(home / "vectors", chroma_url)
        self.unrecorded: dict[int, LibraryError] = {}  # errors of jobs that the ledger could not record
        self._dense = DenseSearch(self.ledger, self.vectors)
        self._keywords = KeywordSearch(self.ledger)
        self._listings: dict[int, tuple[tuple[str, int], Listing]] = {}  # of all users, who may each see some
        self._counted: tuple[object, list[KnowledgeBase]] | None = None
        self._tables: tuple[tuple[int, int], list[DataTable]] | None = None
        self._hashes: dict[tuple[Path, int, int], str] = {}

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and Chroma; harmless when repeated."""
        self.vectors.close()
        self.ledger.close()

    # Who asks
    def seen_by(self, user: User | None) -> Library:
        """The same library as a user may see and change it; None may everything. Not to be closed."""
        seen = copy.copy(self)
        seen.user = user
        return seen

    def ensure(self, connection: Connection, knowledge_base: str) -> int:
        """The row id of a knowledge base to write into, made where it is missing: for its maker, or the common one."""
        if knowledge_bases.exists(connection, knowledge_base):
            return self.find(connection, knowledge_base, "write")
        kb_id = knowledge_bases.ensure(connection, knowledge_base)
        if self.user is not None and knowledge_base != self.common:
            people.make_private(connection, kb_id, self.user.id)
        return kb_id

    # Knowledge bases
    def knowledge_bases(self) -> list[KnowledgeBase]:
        """All knowledge bases with their counts, by name."""
        with self.ledger.reading() as connection:
            state = knowledge_bases.states(connection)
            kept = self._counted
            if kept is None or kept[0] != state:
                kept = self._counted = (state, knowledge_bases.listed(connection))
            found = list(kept[1])
            if self.user is None:
                return found
            levels = people.levels(connection, self.user)
            visible = {name for number, name in knowledge_bases.names(connection).items() if number in levels}
        return [entry for entry in found if entry.name in visible]

    def knowledge_base(self, name: str) -> KnowledgeBase:
        """One knowledge base. Raises NotFoundError naming those that exist."""
        with self.ledger.reading() as connection:
            self.find(connection, name)
            return knowledge_bases.one(connection, name)

    def create(self, name: str) -> KnowledgeBase:
        """Make an empty knowledge base, or raise LibraryError where the name is taken or unusable."""
        with self.ledger.writing() as connection:
            kb_id = knowledge_bases.create(connection, name)
            if self.user is not None:
                people.make_private(connection, kb_id, self.user.id)
            self.note(connection, "create", name)
            return knowledge_bases.one(connection, name)

    def rename(self, name: str, new_name: str) -> None:
        """Give a knowledge base another name."""
        with self.ledger.writing() as connection:
            self.find(connection, name, "manage")
            knowledge_bases.rename(connection, name, new_name)
            self.note(connection, "rename", new_name, name)

    def export(self, name: str, file: Path) -> None:
        """Write a knowledge base (page texts, chunks, vectors; no original files) into one zip file."""
        if self.user is not None:
            with self.ledger.writing() as connection:
                self.find(connection, name)
                self.note(connection, "export", name)
        export(self.ledger, name, file)

    def version(self, knowledge_base: str) -> tuple[int, int]:
        """The knowledge base's row id, and a number that grows whenever its documents, failed files or tags change.

        A number is never used twice: a new knowledge base under the name of a deleted one has another.
        """
        with self.ledger.reading() as connection:
            kb_id = self.find(connection, knowledge_base)
            return kb_id, knowledge_bases.version(connection, kb_id)

    # Documents
    def listing(self, knowledge_base: str) -> Listing:
        """Its documents in their orders, cached until documents, failed files or tags change. Raises NotFoundError."""
        with self.ledger.reading() as connection:
            kb_id = self.find(connection, knowledge_base)
            state = (knowledge_base, knowledge_bases.version(connection, kb_id))
            kept = self._listings.pop(kb_id, None)
            if kept is None or kept[0] != state:
                kept = (state, Listing(documents.listed(connection, kb_id)))
            self._listings[kb_id] = kept  # moved to the end: the first is the least recently used
            for forgotten in list(self._listings)[:-LISTINGS_KEPT]:
                self._listings.pop(forgotten, None)
        return kept[1]

    def documents(self, knowledge_base: str) -> list[DocumentRow]:
        """Documents that are ready, and files whose last try failed, by source."""
        return list(self.listing(knowledge_base).rows)

    def ready_documents(self, knowledge_base: str) -> tuple[DocumentRow, ...]:
        """Documents that are ready, by source."""
        return self.listing(knowledge_base).ready

    def document(self, document_id: int) -> DocumentRow:
        """One document. Raises NotFoundError."""
        with self.ledger.reading() as connection:
            access.require_documents(connection, [document_id], self.user, "read")
            return documents.one(connection, document_id)

    def page(self, document_id: int, page_number: int) -> Page:
        """One stored page with its headings and tables. Raises NotFoundError."""
        with self.ledger.reading() as connection:
            access.require_documents(connection, [document_id], self.user, "read")
            found = documents.pages(connection, document_id, page_number)
        if not found:
            raise NotFoundError("library.no_page", number=document_id, page=page_number)
        return found[0]

    def page_text(self, document_id: int, page_number: int) -> str:
        """The text of one page: what quotes are proven against. Raises NotFoundError."""
        return self.page(document_id, page_number).text

    def page_texts(self, document_id: int) -> dict[int, str]:
        """The texts of all stored pages, by page number."""
        return {page.number: page.text for page in self.pages(document_id)}

    def pages(self, document_id: int) -> list[Page]:
        """All stored pages with their headings and tables."""
        with self.ledger.reading() as connection:
            access.require_documents(connection, [document_id], self.user, "read")
            return documents.pages(connection, document_id)

    def original_path(self, document_id: int) -> Path | None:
        """The file on disk whose bytes still are the document's; None where it has changed or gone."""
        with self.ledger.reading() as connection:
            access.require_documents(connection, [document_id], self.user, "read")
            document = documents.one(connection, document_id)
            kb_id = documents.knowledge_base_of(connection, document_id)
        for source in (document.source, *document.other_names):
            path = (
                upload_path(self.uploads, kb_id, document.sha256, source) if source.startswith(UPLOAD) else Path(source)
            )
            try:
                self.bring(path)
                if path.is_absolute() and path.is_file() and self._hash(path) == document.sha256:
                    return path
            except OSError:
                continue  # not readable now, so not shown; another name may be
        return None

    def bring(self, path: Path) -> None:
        """Fetch an upload that is not in the home folder from the store of originals, where there is one."""
        if self.originals is not None and upload_source(self.uploads, path) is not None and not path.exists():
            self.originals.fetch(path)

    # Scopes: documents, folders, tags
    def scope(self, knowledge_base: str, named: Sequence[str]) -> Scope:
        """The scope that words mean: titles, paths, folders, tags, ".pdf", "since:2026-01-31". Raises NotFoundError."""
        return scopes.named(self.listing(knowledge_base).ready, named)

    def within(self, knowledge_base: str, scope: Scope) -> frozenset[int] | None:
        """The ids of the documents that a scope holds; None for the scope that holds all."""
        if scope == Scope():
            return None
        return frozenset(row.id for row in self.listing(knowledge_base).ready if scopes.holds(scope, row))

    def tags(self, knowledge_base: str) -> list[str]:
        """All tags of its documents, in order."""
        with self.ledger.reading() as connection:
            return scopes.tags(connection, self.find(connection, knowledge_base))

    def change_tags(self, document_ids: Sequence[int], *, add: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
        """Give documents tags and take tags from them. Raises LibraryError where one is unusable."""
        with self.ledger.writing() as connection:
            access.require_documents(connection, document_ids, self.user, "write")
            scopes.change_tags(connection, document_ids, add=add, drop=drop)

    def move(self, document_ids: Sequence[int], folder: str) -> None:
        """Put documents into a folder of the library; "" puts them back into that of their file."""
        with self.ledger.writing() as connection:
            access.require_documents(connection, document_ids, self.user, "write")
            scopes.move(connection, document_ids, folder)

    def tables(self, knowledge_base: str) -> list[DataTable]:
        """The tables in its documents, as values to compute with; kept until the knowledge base changes."""
        with self.ledger.reading() as connection:
            kb_id = self.find(connection, knowledge_base)
            state = (kb_id, knowledge_bases.version(connection, kb_id))
            if self._tables is None or self._tables[0] != state:
                self._tables = (state, tables.listed(connection, kb_id))
            return list(self._tables[1])

    # Searching
    @_again_where_replaced
    def dense_search(
        self,
        knowledge_base: str,
        vector: Sequence[float],
        limit: int,
        *,
        embedder: Embedder | None = None,
        within: Collection[int] | None = None,
    ) -> list[tuple[str, float]]:
        """The (chunk id, cosine similarity) pairs nearest to the vector, best first, ready chunks only.

        `within` holds the ids of the documents that are searched, where these are not all.

        Raises EmbedderMismatchError where the knowledge base was made with another than the vector's `embedder`, or
        than all embedders of this library where that is not given.
        """
        index = self._index(knowledge_base)
        if index is None or limit < 1:
            return []
        if embedder is not None:
            knowledge_bases.refuse_other_embedder(index, knowledge_base, embedder.name, embedder.revision)
        elif self.embedder is not None:
            self.embedder_for(index, knowledge_base)
        if len(vector) != index.dimension:  # a server has another model under the same name
            raise EmbedderMismatchError("library.other_revision", name=knowledge_base, old=index.embedder)
        return self._dense.nearest(index, vector, limit, within=within)

    @_again_where_replaced
    def keyword_search(
        self, knowledge_base: str, question: str, limit: int, *, within: Collection[int] | None = None
    ) -> list[tuple[str, float]]:
        """The (chunk id, BM25 score) pairs that share words with the question, best (highest) first.

        `within` holds the ids of the documents that are searched, as if there were no others, unless they are many.
        """
        index = self._index(knowledge_base)
        if index is None:
            return []
        return self._keywords.best(index, question, limit, within=within)

    @_again_where_replaced
    def keyword_statistics(
        self, knowledge_base: str, terms: Sequence[str], *, within: Collection[int] | None = None
    ) -> keywords.Statistics:
        """How many chunks there are, and in how many of them each term occurs; within documents as in a search."""
        index = self._index(knowledge_base)
        if index is None:
            return keywords.Statistics(rows=0, frequencies={})
        return self._keywords.statistics(index, terms, within=within)

    def passages(self, knowledge_base: str, chunk_ids: Sequence[str]) -> list[Document]:
        """The chunks as Documents with all metadata of records.py, in that order; those gone are left out."""
        with self.ledger.reading() as connection:
            found = chunks.fetch(connection, self.find(connection, knowledge_base), chunk_ids)
        return [_as_document(chunk) for chunk in found]

    def texts(self, knowledge_base: str, chunk_ids: Sequence[str]) -> dict[str, str]:
        """The texts of chunks by their ids, unchecked: quicker than `passages`, to choose among many."""
        with self.ledger.reading() as connection:
            return chunks.texts(connection, self.find(connection, knowledge_base), chunk_ids)

    def similarities(self, vector: Sequence[float], chunk_ids: Sequence[str]) -> dict[str, float]:
        """The cosine similarity of each of these chunks to a vector of their embedder; damaged ones are left out."""
        return self._dense.similarities(vector, self._visible(chunk_ids))

    def token_signs(self, chunk_ids: Sequence[str]) -> dict[str, bytes]:
        """The signs of the chunks' token vectors (see embedding/token_signs.py), of those that have any."""
        with self.ledger.reading() as connection:
            return chunks.token_signs(connection, access.visible_chunks(connection, chunk_ids, self.user))

    def chunk_ids(self, document_id: int) -> list[str]:
        """The chunk ids of a document, in reading order."""
        with self.ledger.reading() as connection:
            access.require_documents(connection, [document_id], self.user, "read")
            return chunks.ids(connection, document_id)

    def neighbours(self, chunk_id: str) -> tuple[Document | None, Document | None]:
        """The chunks before and after, in the same document."""
        with self.ledger.reading() as connection:
            if not access.visible_chunks(connection, [chunk_id], self.user):
                return None, None
            before, after = chunks.neighbours(connection, chunk_id)
        return None if before is None else _as_document(before), None if after is None else _as_document(after)

    # Embedders
    def embedder_of(self, knowledge_base: str) -> Embedder:
        """The embedder that a knowledge base was made with; that of new ones where it is empty or not there yet.

        Raises EmbedderMismatchError where this library does not have it.
        """
        try:
            index = self._index(knowledge_base)
        except NotFoundError:
            index = None
        return self.embedder_for(index, knowledge_base)

    def embedder_for(self, index: Index | None, knowledge_base: str) -> Embedder:
        """The embedder that an index of this knowledge base was made with; see `embedder_of`."""
        if self.embedder is None:
            raise LibraryError("indexing.no_embedder")
        if index is None:
            return self.embedder
        known = self.known_embedder(index.revision)
        if known is None:
            raise EmbedderMismatchError(
                "library.other_embedder", name=knowledge_base, old=index.embedder, new=self.embedder.name
            )
        return known

    def reindex_news(self, knowledge_base: str) -> Message | None:
        """What the user gains by reindexing a knowledge base; None where nothing, or where it was told before.

        Raises NotFoundError.
        """
        from minicpm_rag.embedding.choice import DEFAULT, MINILM

        index = self._index(knowledge_base)
        if index is None or index.embedder != MINILM or self.embedder is None or self.embedder.name != DEFAULT:
            return None
        if self.setting(knowledge_base, TOLD) == DEFAULT:
            return None
        with suppress(LibraryError):  # where the home cannot be written, it is told again next time
            self.set_setting(knowledge_base, TOLD, DEFAULT)
        return Message("library.reindex_news", name=knowledge_base, old=MINILM, new=DEFAULT)

    def known_embedder(self, revision: str) -> Embedder | None:
        """The embedder whose vectors may be compared with those of that revision, whatever its folder is called."""
        candidates = (self.embedder, *self._older)
        return next((one for one in candidates if one is not None and one.revision == revision), None)

    # Small values kept beside the index
    def setting(self, knowledge_base: str, key: str) -> Any:
        """The JSON value stored under the key, or None."""
        with self.ledger.reading() as connection:
            return knowledge_bases.setting(connection, self.find(connection, knowledge_base), key)

    def set_setting(self, knowledge_base: str, key: str, value: Any) -> None:
        """Store a JSON value beside the index (a calibrated evidence threshold, say)."""
        with self.ledger.writing() as connection:
            knowledge_bases.set_setting(connection, self.find(connection, knowledge_base, "manage"), key, value)

    def _index(self, knowledge_base: str) -> Index | None:
        with self.ledger.reading() as connection:
            kb_id = self.find(connection, knowledge_base)
            noted, key = self.ledger.noted(connection), ("index", kb_id)
            if key not in noted:
                noted[key] = knowledge_bases.find_index(connection, kb_id)
            index: Index | None = noted[key]
        return index

    def _hash(self, path: Path) -> str:
        facts = path.stat()
        key = (path, facts.st_mtime_ns, facts.st_size)
        if key not in self._hashes:
            self._hashes[key] = sha256_of(path)[0]
        return self._hashes[key]


def _as_document(chunk: Chunk) -> Document:
    """The chunk as LangChain knows it, with all metadata of records.py that is known before a search."""
    from langchain_core.documents import Document

    stored = {CHUNK_ID: chunk.id, DOCUMENT_ID: chunk.document_id, SOURCE: chunk.source, TITLE: chunk.title}
    return Document(id=chunk.id, page_content=chunk.text, metadata=chunk.metadata | stored)
