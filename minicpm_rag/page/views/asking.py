"""Asking: a question becomes an exchange of the conversation and a running reply.

It draws nothing; `chat` shows what is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message, joined
from minicpm_rag.page import shared, state
from minicpm_rag.page.background import jobs, reply
from minicpm_rag.page.views import uploads
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.records import Conversation, Exchange, Question
from minicpm_rag.text.questions import check_question

if TYPE_CHECKING:
    from minicpm_rag.page.background.jobs import Job
    from minicpm_rag.page.streamlit_private import UploadedFile
    from minicpm_rag.records import User
    from minicpm_rag.workspace import Workspace

LOOK_SECONDS = 0.2  # how often a question that waits for its file looks whether it was stopped


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
def ask_about(question: str, files: Sequence[UploadedFile]) -> None:
    """Add the files to the knowledge base and ask about them alone, once they are read."""
    workspace = state.workspace()
    if workspace is None:
        raise RAGError("system.given_back", reason=Message("system.still_opening"), question=question)
    sources, errors = uploads.keep(workspace, files)
    if not sources:
        raise RAGError("system.given_back", reason=errors[0], question=question)
    job = jobs.ingest(workspace.library, state.knowledge_base(), sources)
    state.hold_to([PurePath(source).name for source in sources])
    if errors:
        st.session_state.trouble = errors[0]
    if question:
        _ask(question, partial(_once_read, job), "attaching")


def _once_read(job: Job, cancelled: Callable[[], bool]) -> Workspace:
    """The workspace, once the files of a job are read. Raises RAGError where one of them could not be."""
    while not job.done.wait(LOOK_SECONDS) and not cancelled():
        pass
    unread = next((verdict for verdict in job.verdicts if verdict.status in ("failed", "skipped")), None)
    if job.error is not None:
        raise RAGError(job.error)
    if unread is not None:
        raise RAGError("system.attached_unread", name=unread.title, why=joined(unread.reason, unread.remedy))
    return shared.ready()


@attempt
def ask(question: str) -> None:
    """Ask in the conversation on the page, or begin one; what it is held to is named in front."""
    _ask(question, lambda cancelled: shared.ready(), "opening")


def _ask(question: str, opening: Callable[[Callable[[], bool]], Workspace], stage: str) -> None:
    title, question = question, " ".join([*(f"@“{name}”" for name in state.scope()), question])
    check_question(question)  # here, so that a text that is too long is not given back in the error
    conversations, owner = shared.conversations(), state.user()
    try:
        current = state.conversation()
        if current is None:
            current = conversations.create(owner, state.knowledge_base(), title)
            st.session_state.conversation = current.id
        reply.shared().stop(current.id)
        exchange = conversations.ask(owner, current.id, question)
    except RAGError as error:
        # The box it was typed into is empty by now: the question is given back with the reason.
        raise RAGError("system.given_back", reason=error.message, question=question) from error
    _start(current, exchange, Question(question), opening, stage)


@attempt
def again(conversation: Conversation, exchange: Exchange, question: Question) -> None:
    """Answer the question of an exchange again, reworded perhaps, in place of the answer it has."""
    reply.shared().stop(conversation.id)
    state.close_source()  # it was opened from an answer, perhaps from the one that goes
    if question.text != exchange.question:
        shared.conversations().reword(state.user(), conversation.id, exchange.id, question.text)
    _start(conversation, exchange.id, question, lambda cancelled: shared.ready(), "opening")


def _start(
    conversation: Conversation,
    exchange: int,
    question: Question,
    opening: Callable[[Callable[[], bool]], Workspace],
    stage: str,
) -> None:
    st.session_state.last_asked = exchange
    conversations, owner, who = shared.conversations(), state.user(), state.person()
    conversations.forget_answer(owner, conversation.id, exchange)
    reply.shared().begin(
        reply.Reply(
            replace(question, history=conversations.history(owner, conversation.id, before=exchange)),
            opening=lambda: _seen_by(who, opening(question.cancel.is_set)),
            knowledge_base=conversation.knowledge_base,
            options=state.options(),
            conversations=conversations,
            owner=owner,
            conversation=conversation.id,
            exchange=exchange,
            stage=stage,
        )
    )


def _seen_by(who: User | None, opened: Workspace) -> Workspace:
    return opened if who is None else opened.seen_by(who)


def with_unsaved(exchange: Exchange) -> Exchange:
    """The exchange with an answer that could not be written to the disk but is still in memory."""
    answer = reply.shared().unsaved(exchange.id)
    return exchange if answer is None else replace(exchange, answer=answer)
