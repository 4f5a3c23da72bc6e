"""Asking: a question becomes an exchange of the conversation and a running reply of this session.

It draws nothing; `chat` shows what is asked here.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.page import shared, state
from minicpm_rag.page.background.reply import Reply
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.records import Conversation, Exchange, Question


def follow_mark() -> str:
    """Changes whenever the page should be scrolled to its end: another conversation, another question."""
    current = state.conversation() if state.view() == "chat" else None
    if current is None:
        return ""
    return f"{current.id}:{st.session_state.get('last_asked', '')}"


def replies() -> dict[int, Reply]:
    """The answers under way in this session, by conversation."""
    running: dict[int, Reply] = st.session_state.setdefault("replies", {})
    return running


@attempt
def ask(question: str) -> None:
    """Ask in the conversation on the page, or begin one."""
    conversations, owner = shared.conversations(), state.user()
    try:
        current = state.conversation()
        if current is None:
            current = conversations.create(owner, state.knowledge_base())
            st.session_state.conversation = current.id
        _stop(current.id)
        exchange = conversations.ask(owner, current.id, question)
    except RAGError as error:
        # The box it was typed into is empty by now: the question is given back with the reason.
        raise RAGError("system.given_back", reason=error.message, question=question) from error
    _start(current, exchange, Question(question))


@attempt
def again(conversation: Conversation, exchange: Exchange, question: Question) -> None:
    """Answer the question of an exchange again, in place of the answer it has."""
    _stop(conversation.id)
    _start(conversation, exchange.id, question)


def _stop(conversation: int) -> None:
    running = replies().get(conversation)
    if running is not None:
        running.stop()


def _start(conversation: Conversation, exchange: int, question: Question) -> None:
    st.session_state.last_asked = exchange
    conversations, owner = shared.conversations(), state.user()
    conversations.forget_answer(owner, conversation.id, exchange)
    replies()[conversation.id] = Reply(
        replace(question, history=conversations.history(owner, conversation.id, before=exchange)),
        opening=shared.ready,
        knowledge_base=conversation.knowledge_base,
        options=state.options(),
        conversations=conversations,
        owner=owner,
        conversation=conversation.id,
        exchange=exchange,
    )


def finish(reply: Reply) -> None:
    """Forget a reply that is done; the conversation has its answer."""
    replies().pop(reply.conversation, None)
    if reply.answer.tokens_per_second:
        st.session_state.speed = reply.answer.tokens_per_second
    if reply.unsaved:
        # Shown until the next such answer, so that nothing read so far is lost.
        st.session_state.unsaved = (reply.exchange, replace(reply.answer, error=reply.unsaved))


def with_unsaved(exchange: Exchange) -> Exchange:
    """The exchange with an answer that could not be written to the disk but is still in memory."""
    number, answer = st.session_state.get("unsaved", (None, None))
    return replace(exchange, answer=answer) if number == exchange.id else exchange
