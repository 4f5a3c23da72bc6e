"""Asking: a question becomes an exchange of the conversation and a running reply of this session.

It draws nothing; `chat` shows what is asked here.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page import shared, state
from minicpm_rag.page.background.reply import Reply, Request
from minicpm_rag.page.language import said
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.records import Conversation, Exchange


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
    _start(current, exchange, question)


@attempt
def again(
    conversation: Conversation,
    exchange: Exchange,
    *,
    standalone_question: str | None = None,
    answer_anyway: bool = False,
) -> None:
    """Answer a question anew, in place of the answer it has."""
    _stop(conversation.id)
    _start(conversation, exchange.id, exchange.question, standalone_question, answer_anyway)


def _stop(conversation: int) -> None:
    running = replies().get(conversation)
    if running is not None:
        running.cancel()


def _start(
    conversation: Conversation,
    exchange: int,
    question: str,
    standalone_question: str | None = None,
    answer_anyway: bool = False,
) -> None:
    st.session_state.last_asked = exchange
    shared.conversations().forget_answer(state.user(), conversation.id, exchange)
    history = shared.conversations().history(state.user(), conversation.id, before=exchange)
    replies()[conversation.id] = Reply(
        Request(
            question=question,
            history=history,
            knowledge_base=conversation.knowledge_base,
            standalone_question=standalone_question,
            answer_anyway=answer_anyway,
            options=state.options(),
        ),
        opening=shared.ready,
        conversations=shared.conversations(),
        owner=state.user(),
        conversation=conversation.id,
        exchange=exchange,
        fault=said(Message("system.fault")),
    )


def finish(reply: Reply) -> None:
    """Take leave of a reply that is done."""
    replies().pop(reply.conversation, None)
    if reply.answer.tokens_per_second:
        st.session_state.speed = reply.answer.tokens_per_second
    if reply.unsaved:
        # Still on the page until the next such answer, so that nothing read so far is lost.
        st.session_state.unsaved = (reply.exchange, replace(reply.answer, error=reply.unsaved))


def with_unsaved(exchange: Exchange) -> Exchange:
    """The exchange with an answer that could not be written to the disk but is still in memory."""
    number, answer = st.session_state.get("unsaved", (None, None))
    return replace(exchange, answer=answer) if number == exchange.id else exchange
