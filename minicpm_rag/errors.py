"""Every error this project raises on purpose, as one tree.

RAGError                      catch this for "one of ours"; the message is fit to show to a person
├── SettingsError             a setting has a value that cannot work
├── DocumentError             a file cannot become text: unreadable, protected, empty, too large
├── LibraryError              the library (ledger, vectors, keyword index) cannot do what was asked
│   ├── NotFoundError         no knowledge base or document of that name
│   ├── LibraryBusyError      another process owns the library and does not answer
│   ├── VectorStoreError      Chroma does not do what was asked; the ledger can replace what it holds
│   └── EmbedderMismatchError the index was made with another embedding model
├── EmbeddingError            an embedding or rerank model cannot be loaded or run
└── ModelError                a language model cannot be loaded or run
    ├── CheckpointError       the folder is not a checkpoint we can read
    ├── PromptTooLongError    the prompt does not fit the context window
    ├── OutOfMemoryError      the device has too little memory, after a retry
    └── DownloadError         a model could not be fetched whole
        └── DownloadStoppedError  the person stopped it; going on later is possible
"""

from __future__ import annotations


class RAGError(Exception):
    """Base of all errors of this project; the message says what, which value, and what to do."""


class SettingsError(RAGError):
    """A setting has a value that cannot work."""


class DocumentError(RAGError):
    """A file cannot become text.

    `remedy` is the next step for the person, kept apart because verdict tables have a column for it.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.reason = reason
        self.remedy = remedy


class LibraryError(RAGError):
    """The library cannot do what was asked."""


class NotFoundError(LibraryError):
    """No knowledge base or document of that name."""


class LibraryBusyError(LibraryError):
    """Another process owns the library and does not answer."""


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


class PromptTooLongError(ModelError):
    """The prompt does not fit the context window.

    Carries `prompt_tokens` and `limit_tokens`, the most a prompt may have.
    """

    def __init__(self, prompt_tokens: int, limit_tokens: int) -> None:
        super().__init__(
            f"The prompt has {prompt_tokens} tokens, but at most {limit_tokens} fit beside the answer. "
            "Shorten the text or lower max_new_tokens."
        )
        self.prompt_tokens = prompt_tokens
        self.limit_tokens = limit_tokens


class OutOfMemoryError(ModelError):
    """The device has too little memory, after caches were freed and a smaller cache was tried."""


class DownloadError(ModelError):
    """A model could not be fetched whole."""


class DownloadStoppedError(DownloadError):
    """The person stopped the download; what has arrived is kept."""
