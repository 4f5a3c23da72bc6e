"""Every error this project raises on purpose, as one tree.

RAGError                      catch this for "one of ours"
├── SettingsError             a setting has a value that cannot work
├── DocumentError             a file cannot become text: unreadable, protected, empty, too large
├── LibraryError              the library (ledger, vectors, keyword index) cannot do what was asked
│   ├── NotFoundError         no knowledge base or document of that name
│   ├── AccessError           the user may see it, but not do that with it
│   ├── LibraryBusyError      another process owns the library and does not answer
│   ├── DatabaseUnreachableError  the PostgreSQL server does not answer; it may later
│   ├── LeaseLostError        another worker has taken over the job
│   ├── TableGoneError        a table of the database is not there, or no longer
│   ├── VectorStoreError      Chroma does not do what was asked; the ledger can replace what it holds
│   └── EmbedderMismatchError the index was made with another embedding model
├── EmbeddingError            an embedding or rerank model cannot be loaded or run
└── ModelError                a language model cannot be loaded or run
    ├── CheckpointError       the folder is not a checkpoint we can read
    ├── OnlyThoughtsError     it thought for all its tokens and gave no answer
    ├── PromptTooLongError    the prompt does not fit the context window
    ├── OutOfMemoryError      the device has too little memory, after a retry
    └── DownloadError         a model could not be fetched whole
        └── DownloadStoppedError  the user stopped it; it can be resumed

An error carries a key of `minicpm_rag.messages` and values, not a sentence: `NotFoundError("library.no_document",
name=name)`. The skins put it into the user's language; `str(error)` is the English text.
"""

from __future__ import annotations

from typing import Any

from minicpm_rag.messages import Message, core, joined


class RAGError(Exception):
    """Base of all errors of this project; `message` says what, which value, and what to do."""

    def __init__(self, message: str | Message, /, **values: Any) -> None:
        """Take a key of the catalogue and its values, or a message that was made already."""
        self.message = message if isinstance(message, Message) else Message(message, **values)
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


class SettingsError(RAGError):
    """A setting has a value that cannot work."""


class DocumentError(RAGError):
    """A file cannot become text.

    `reason` says why. `remedy` is what the user can do, kept apart because verdict tables have a column for it:
    the text listed under the reason's key + ".remedy" where there is one, unless another remedy is given.
    """

    def __init__(self, reason: str | Message, remedy: str | Message | None = None, /, **values: Any) -> None:
        self.reason = reason if isinstance(reason, Message) else Message(reason, **values)
        self.remedy = (
            remedy_of(self.reason) if remedy is None else Message(remedy) if isinstance(remedy, str) else remedy
        )
        super().__init__(joined(self.reason, self.remedy) or self.reason)


def remedy_of(reason: Message) -> Message | None:
    """What to do about a reason: the text listed under its key + ".remedy", where there is one."""
    key = f"{reason.key}.remedy"
    return Message(key, **reason.values) if key in core().texts else None


class LibraryError(RAGError):
    """The library cannot do what was asked."""


class NotFoundError(LibraryError):
    """No knowledge base or document of that name."""


class AccessError(LibraryError):
    """The user may see the knowledge base, but not do with it what was asked."""


class LibraryBusyError(LibraryError):
    """Another process owns the library and does not answer."""


class DatabaseUnreachableError(LibraryError):
    """The database does not answer; what was asked of it may be tried again."""


class LeaseLostError(LibraryError):
    """Another worker has taken over the job: what this one still wrote was refused."""


class TableGoneError(LibraryError):
    """A table of the database is not there, or no longer: an index that was replaced while it was being asked."""


class VectorStoreError(LibraryError):
    """Chroma does not do what was asked; the ledger can replace what it holds."""


class EmbedderMismatchError(LibraryError):
    """The index was made with another embedding model than the one set now."""


class EmbeddingError(RAGError):
    """An embedding or rerank model cannot be loaded or run."""


class ModelError(RAGError):
    """A language model cannot be loaded or run."""


class CheckpointError(ModelError):
    """The folder is not a checkpoint we can read."""


class OnlyThoughtsError(ModelError):
    """The model thought for all its tokens and gave no answer."""


class PromptTooLongError(ModelError):
    """The prompt does not fit the context window.

    Carries `prompt_tokens` and `limit_tokens`, the most a prompt may have.
    """

    def __init__(self, prompt_tokens: int, limit_tokens: int) -> None:
        super().__init__("llm.prompt_too_long", prompt_tokens=prompt_tokens, limit_tokens=limit_tokens)
        self.prompt_tokens = prompt_tokens
        self.limit_tokens = limit_tokens


class OutOfMemoryError(ModelError):
    """The device has too little memory, after caches were freed and a smaller cache was tried."""


class DownloadError(ModelError):
    """A model could not be fetched whole."""


class DownloadStoppedError(DownloadError):
    """The person stopped the download; what has arrived is kept."""
