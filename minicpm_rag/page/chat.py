"""The conversation: questions in, answers streamed, the open source beside them.

It does not know how an answer is found; `reply` runs it, `message` draws it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from minicpm_rag.page import (
    conversation_menu,
    examples,
    markup,
    message,
    notices,
    opening,
    options,
    sources,
    state,
)
from minicpm_rag.page.reply import Reply, Request
from minicpm_rag.page.state import t

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from minicpm_rag.records import Conversation, Exchange
    from minicpm_rag.workspace import Workspace

LOOK_SECONDS = 0.08  # between two looks at a running answer; a stop is noticed at the next one


def show() -> None:
    """Draw the view."""
    workspace = state.workspace()
    conversation = state.conversation()
    reply = _replies().get(conversation.id) if conversation else None
    if reply is not None and reply.done.is_set():
        _finished(reply)
        reply = None
    _input(reply)
    if workspace is not None and state.source() is not None:
        talk, beside = st.columns([6, 5], gap="large")
        with beside:
            sources.draw(workspace)
    else:
        talk = st.container()
    with talk:
        slot = _talk(workspace, conversation, reply)
    if reply is not None and slot is not None:
        _follow(reply, slot)


def open_mark(mark: str) -> None:
    """Open the source behind a citation mark, given as `exchange:number`."""
    current = state.conversation()
    exchange, _, number = mark.partition(":")
    if current is None or not (exchange.isdigit() and number.isdigit()):
        return
    for row in state.conversations().exchanges(state.owner(), current.id):
        if row.id == int(exchange) and row.answer is not None:
            source = sources.cited(row.answer, int(number))
            if source is not None:
                state.open_source(source)


def follow_mark() -> str:
    """Changes whenever the page should be scrolled to its end: another conversation, another question."""
    current = state.conversation() if state.view() == "chat" else None
    if current is None:
        return ""
    return f"{current.id}:{st.session_state.get('last_asked', '')}"


def _replies() -> dict[int, Reply]:
    replies: dict[int, Reply] = st.session_state.setdefault("replies", {})
    return replies


def _finished(reply: Reply) -> None:
    if reply.answer.tokens_per_second:
        st.session_state.speed = reply.answer.tokens_per_second
    if reply.unsaved:
        # Still on the page until the next answer, so that nothing read so far is lost.
        st.session_state.unsaved = (reply.exchange, reply.answer, reply.unsaved)
    _replies().pop(reply.conversation, None)


def _input(reply: Reply | None) -> None:
    def asked() -> None:
        question = (st.session_state["question"] or "").strip()
        if question:
            ask(question)

    with st.bottom:
        if reply is not None:
            with st.container(key="stop", horizontal=True, horizontal_alignment="center"):
                st.button(t("stop"), icon=":material/stop_circle:", key="stop-answer", on_click=reply.cancel)
        st.chat_input(t("ask_placeholder"), key="question", on_submit=asked)


def ask(question: str) -> None:
    """Ask in the conversation on the page, or begin one."""
    conversations, owner = state.conversations(), state.owner()
    current = state.conversation()
    if current is None:
        current = conversations.create(owner, state.knowledge_base())
        st.session_state.conversation = current.id
    running = _replies().get(current.id)
    if running is not None:
        running.cancel()
    exchange = conversations.ask(owner, current.id, question)
    _start(current, exchange, question)


def _again(
    conversation: Conversation,
    exchange: Exchange,
    *,
    standalone_question: str | None = None,
    answer_anyway: bool = False,
) -> None:
    running = _replies().get(conversation.id)
    if running is not None:
        running.cancel()
    _start(conversation, exchange.id, exchange.question, standalone_question, answer_anyway)


def _start(
    conversation: Conversation,
    exchange: int,
    question: str,
    standalone_question: str | None = None,
    answer_anyway: bool = False,
) -> None:
    st.session_state.last_asked = exchange
    history = state.conversations().history(state.owner(), conversation.id, before=exchange)
    _replies()[conversation.id] = Reply(
        Request(
            question=question,
            history=history,
            knowledge_base=conversation.knowledge_base,
            standalone_question=standalone_question,
            answer_anyway=answer_anyway,
            options=options.chosen(),
        ),
        opening=state.opening().result,
        conversations=state.conversations(),
        owner=state.owner(),
        conversation=conversation.id,
        exchange=exchange,
        fault=t("fault"),
    )


def _talk(
    workspace: Workspace | None, conversation: Conversation | None, reply: Reply | None
) -> DeltaGenerator | None:
    if conversation is None:
        _first_screen(workspace)
        return None
    conversation_menu.draw(conversation)
    exchanges = state.conversations().exchanges(state.owner(), conversation.id)
    slot = None
    for exchange in exchanges:
        if reply is not None and exchange.id == reply.exchange:
            message.question(exchange.question)
            slot = st.empty()
            continue
        last = exchange is exchanges[-1]
        message.draw(_unsaved(exchange), last=last and reply is None, ask_again=partial(_again, conversation))
    return slot


def _unsaved(exchange: Exchange) -> Exchange:
    """The exchange with an answer that could not be written to the disk but is still in memory."""
    number, answer, why = st.session_state.get("unsaved", (None, None, ""))
    if number != exchange.id:
        return exchange
    from dataclasses import replace

    notices.bad(why)
    return replace(exchange, answer=answer)


def _first_screen(workspace: Workspace | None) -> None:
    st.html(f'<div class="rag-hello">{markup.plain(t("hello"))}</div>')
    if workspace is None:
        opening.wait()
        return
    counts = {row.name: row.documents for row in workspace.library.knowledge_bases()}
    if not counts.get(state.knowledge_base()):
        st.html(f'<div class="rag-lead">{markup.plain(t("lead_empty"))}</div>')
        st.button(
            t("add_documents"),
            icon=":material/upload_file:",
            key="add-documents",
            type="primary",
            on_click=state.go,
            args=("library",),
        )
    else:
        st.html(f'<div class="rag-lead">{markup.plain(t("lead"))}</div>')
        for number, example in enumerate(examples.of(workspace, state.knowledge_base())):
            with st.container(key=f"example-{number}"):
                st.button(
                    markup.label(example), key=f"ask-{number}", width="stretch", on_click=ask, args=(example,)
                )
    if workspace.mode == "extractive":
        with st.container(horizontal=True, vertical_alignment="center", key="no-model"):
            notices.quiet(t("no_model_line"))
            st.button(
                t("get_model"),
                key="get-model",
                type="tertiary",
                icon=":material/download:",
                on_click=state.go,
                args=("model",),
            )


def _follow(reply: Reply, slot: DeltaGenerator) -> None:
    """Draw a running answer until it is done; a click elsewhere leaves it running."""
    try:
        slot.html(_so_far(reply))
        while not reply.done.wait(LOOK_SECONDS):
            reply.shown.set()
            slot.html(_so_far(reply))
    except StopException:  # the tab was closed: nobody reads on
        reply.cancel()
        raise
    st.rerun()


def _so_far(reply: Reply) -> str:
    if reply.text:
        drawn = markup.answer(reply.text, exchange=reply.exchange, cited=())
        return f'<div class="rag-caret">{drawn}</div>'
    words = t(f"stage_{reply.stage}", position=reply.position, count=len(reply.documents))
    return f'<div class="rag-working">{markup.plain(words)}</div>'
