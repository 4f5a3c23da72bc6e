"""The conversations of a home folder, each call one transaction of the ledger."""

from __future__ import annotations

from minicpm_rag.library.ledger import Ledger, conversations
from minicpm_rag.records import Answer, Conversation, Exchange, Turn
from minicpm_rag.text.questions import check_question


class Conversations:
    """The conversations that a ledger keeps, each of one user. Thread-safe; close it when done.

    Whatever names a conversation raises NotFoundError where that is gone or another user's.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def close(self) -> None:
        """Close the ledger; harmless when repeated."""
        self._ledger.close()

    def listed(self, user: str) -> list[Conversation]:
        """The user's conversations, pinned ones first, then the last used first."""
        with self._ledger.reading() as connection:
            return conversations.listed(connection, user)

    def holding(self, user: str, words: str) -> list[Conversation]:
        """Those of the user's conversations whose title, questions or answers hold the words."""
        with self._ledger.reading() as connection:
            return conversations.holding(connection, user, words)

    def get(self, user: str, conversation: int) -> Conversation:
        """One conversation."""
        with self._ledger.reading() as connection:
            return conversations.get(connection, user, conversation)

    def create(self, user: str, knowledge_base: str, title: str = "") -> Conversation:
        """Begin a conversation; without a title its first question becomes one."""
        with self._ledger.writing() as connection:
            return conversations.create(connection, user, knowledge_base, title)

    def rename(self, user: str, conversation: int, title: str) -> None:
        """Give a conversation another title. Raises LibraryError where it is blank."""
        with self._ledger.writing() as connection:
            conversations.rename(connection, user, conversation, title)

    def pin(self, user: str, conversation: int, pinned: bool) -> None:
        """Keep a conversation before the others, or no longer."""
        with self._ledger.writing() as connection:
            conversations.pin(connection, user, conversation, pinned)

    def delete(self, user: str, conversation: int) -> None:
        """Delete a conversation with all its questions and answers."""
        with self._ledger.writing() as connection:
            conversations.delete(connection, user, conversation)

    def exchanges(self, user: str, conversation: int) -> list[Exchange]:
        """The questions and answers, oldest first."""
        with self._ledger.reading() as connection:
            return conversations.exchanges(connection, user, conversation)

    def ask(self, user: str, conversation: int, question: str) -> int:
        """Store a question before it is answered, so that nothing that happens next can lose it.

        Raises RAGError for one that is too long.
        """
        check_question(question)
        with self._ledger.writing() as connection:
            return conversations.ask(connection, user, conversation, question)

    def answer(self, user: str, conversation: int, exchange: int, answer: Answer) -> None:
        """Store the answer to a question, in place of an earlier one."""
        with self._ledger.writing() as connection:
            conversations.set_answer(connection, user, conversation, exchange, answer)

    def reword(self, user: str, conversation: int, exchange: int, question: str) -> None:
        """Put other words in the place of a question; its answer goes."""
        with self._ledger.writing() as connection:
            conversations.reword(connection, user, conversation, exchange, question)

    def rate(self, user: str, conversation: int, exchange: int, rating: int | None, note: str = "") -> None:
        """Keep what the user thinks of an answer: 1 good, -1 bad, None nothing."""
        with self._ledger.writing() as connection:
            conversations.rate(connection, user, conversation, exchange, rating, note)

    def praised(self, knowledge_base: str) -> list[Exchange]:
        """The exchanges about a knowledge base whose answers were called good, of all users."""
        with self._ledger.reading() as connection:
            return conversations.praised(connection, knowledge_base)

    def forget_answer(self, user: str, conversation: int, exchange: int) -> None:
        """Delete an answer, because its question is being answered again."""
        with self._ledger.writing() as connection:
            conversations.set_answer(connection, user, conversation, exchange, None)

    def history(self, user: str, conversation: int, before: int | None = None) -> list[Turn]:
        """The answered questions, oldest first, as a follow-up needs them, `before` an exchange."""
        return [
            Turn(exchange.question, exchange.answer.text)
            for exchange in self.exchanges(user, conversation)
            if exchange.answer is not None
            and exchange.answer.mode in ("model", "extractive", "computed", "stopped")
            and exchange.answer.text
            and (before is None or exchange.id < before)
        ]
