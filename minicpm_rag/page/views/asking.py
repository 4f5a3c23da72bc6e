"""Asking: a question becomes an exchange of the conversation and a running reply.

It draws nothing; `chat` shows what is asked here.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.page import shared, state
from minicpm_rag.page.background import reply
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.records import Conversation, Exchange, Question
from minicpm_rag.text.questions import check_question


def follow_mark() -> str:
    """Changes whenever the page should be scrolled to its end: another conversation, another question."""
    current = state.conversation() if state.view() == "chat" else None
    if current is None:
        return ""
    return f"{current.id}:{st.session_state.get('last_asked', '')}"


def spoken() -> str:
    """The answer to the question that was asked last in this session, for those who hear the page."""
    current, asked = state.conversation(), st.session_state.get("last_asked")
    if current is None or asked is None or reply.shared().of(current.id) is not None:
        return ""
    rows = shared.conversations().exchanges(state.user(), current.id)
    return next((row.answer.text for row in rows if row.id == asked and row.answer is not None), "")


@attempt
def ask(question: str) -> None:
    """Ask in the conversation on the page, or begin one; what it is held to is named in front."""
    question = " ".join([*(f"@“{name}”" for name in state.scope()), question])
    check_question(question)  # here, so that a text that is too long is not given back in the error
    conversations, owner = shared.conversations(), state.user()
    try:
        current = state.conversation()
        if current is None:
            current = conversations.create(owner, state.knowledge_base())
            st.session_state.conversation = current.id
        reply.shared().stop(current.id)
        exchange = conversations.ask(owner, current.id, question)
    except RAGError as error:
        # The box it was typed into is empty by now: the question is given back with the reason.
        raise RAGError("system.given_back", reason=error.message, question=question) from error
    _start(current, exchange, Question(question))


@attempt
def again(conversation: Conversation, exchange: Exchange, question: Question) -> None:
    """Answer the question of an exchange again, reworded perhaps, in place of the answer it has."""
    reply.shared().stop(conversation.id)
    state.close_source()  # it was opened from an answer, perhaps from the one that goes
    if question.text != exchange.question:
        shared.conversations().reword(state.user(), conversation.id, exchange.id, question.text)
    _start(conversation, exchange.id, question)


def _start(conversation: Conversation, exchange: int, question: Question) -> None:
    st.session_state.last_asked = exchange
    conversations, owner = shared.conversations(), state.user()
    conversations.forget_answer(owner, conversation.id, exchange)
    reply.shared().begin(
        reply.Reply(
            replace(question, history=conversations.history(owner, conversation.id, before=exchange)),
            opening=shared.ready,
            knowledge_base=conversation.knowledge_base,
            options=state.options(),
            conversations=conversations,
            owner=owner,
            conversation=conversation.id,
            exchange=exchange,
        )
    )


def with_unsaved(exchange: Exchange) -> Exchange:
    """The exchange with an answer that could not be written to the disk but is still in memory."""
    answer = reply.shared().unsaved(exchange.id)
    return exchange if answer is None else replace(exchange, answer=answer)
