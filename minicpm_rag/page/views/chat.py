"""The conversation: questions in, answers streamed, the open source beside them.

It does not know how an answer is found; `reply` runs it, `message` draws it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.page import examples, shared, sources, state, streamlit_private
from minicpm_rag.page.background import reply as replies
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import language, t
from minicpm_rag.page.views import (
    asking,
    conversation_menu,
    message,
    notices,
    opening,
    question_box,
    source_pane,
    tour,
    uploads,
)
from minicpm_rag.page.views.callbacks import attempt

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from minicpm_rag.page.background.reply import Reply
    from minicpm_rag.records import Conversation
    from minicpm_rag.workspace import Workspace

LOOK_SECONDS = 0.08  # how often a growing answer is drawn; a click on "stop" is noticed then
EMPTY_SECONDS = 1.0  # how often an empty knowledge base looks for its first document


def show() -> None:
    """Draw the view."""
    workspace = state.workspace()
    conversation = state.conversation()
    reply = replies.shared().of(conversation.id) if conversation else None
    question_box.draw(workspace, reply)
    if workspace is not None and state.source() is not None:
        talk, beside = st.columns([6, 5], gap="large")
        with beside:
            source_pane.draw(workspace)
    else:
        talk = st.container()
    with talk:
        slot = _talk(workspace, conversation, reply)
    if reply is not None and slot is not None:
        _follow(reply, slot)


@attempt
def open_mark(mark: str) -> None:
    """Open the source behind a citation mark, given as `exchange:number:which`, the last one where it is known."""
    current = state.conversation()
    exchange, _, rest = mark.partition(":")
    number, _, which = rest.partition(":")
    if current is None or not (exchange.isdecimal() and number.isdecimal()):
        return
    for row in shared.conversations().exchanges(state.user(), current.id):
        if row.id == int(exchange) and row.answer is not None:
            source = sources.cited(row.answer, int(number), int(which) if which.isdecimal() else None)
            if source is not None:
                state.open_source(source)


def _talk(workspace: Workspace | None, conversation: Conversation | None, reply: Reply | None) -> DeltaGenerator | None:
    if conversation is None:
        _first_screen(workspace)
        return None
    exchanges = shared.conversations().exchanges(state.user(), conversation.id)
    conversation_menu.draw(conversation, exchanges)
    slot = None
    for exchange in exchanges:
        if reply is not None and exchange.id == reply.exchange:
            message.question(exchange.question)
            slot = st.empty()
            streamlit_private.clear_left_over()
            continue
        last = exchange is exchanges[-1]
        message.draw(
            asking.with_unsaved(exchange),
            last=last and reply is None,
            ask_again=partial(asking.again, conversation),
        )
    return slot


def _first_screen(workspace: Workspace | None) -> None:
    st.html(f'<h1 class="rag-hello">{markup.plain(t("hello"))}</h1>')
    if workspace is None:
        opening.wait()
        return
    documents = _documents(workspace)
    if not documents:
        st.html(f'<div class="rag-lead">{markup.plain(t("lead_empty"))}</div>')
        st.button(
            t("add_documents"),
            icon=":material/upload_file:",
            key="add-documents",
            type="primary",
            on_click=state.go,
            args=("library",),
        )
        _until_documents(workspace)
    else:
        drawn = examples.of(workspace, state.knowledge_base(), language())
        st.html(f'<div class="rag-lead">{markup.plain(t("lead_examples" if drawn else "lead"))}</div>')
        for number, example in enumerate(drawn):
            with st.container(key=f"example-{number}"):
                st.button(
                    markup.label(example),
                    key=f"ask-{number}",
                    width="stretch",
                    on_click=_ask_example,
                    args=(example,),
                )
    tour.draw(workspace, documents)
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


def _ask_example(example: str) -> None:
    if state.conversation() is None:  # the second click of a double click asks nothing
        asking.ask(example)


def _documents(workspace: Workspace) -> int:
    """How many documents of the knowledge base can be asked about."""
    counts = {row.name: row.documents for row in workspace.library.knowledge_bases()}
    return counts.get(state.knowledge_base(), 0)


@st.fragment(run_every=EMPTY_SECONDS)
def _until_documents(workspace: Workspace) -> None:
    """Draw the page again once the first document is read, by this page or by another process.

    Only while there is none: example questions that changed with each further document would move under the pointer.
    """
    if _documents(workspace):
        st.rerun()
    if uploads.is_busy(workspace):
        notices.working(t("job_ingest"))


def _follow(reply: Reply, slot: DeltaGenerator) -> None:
    """Draw a running answer until it is done; a click elsewhere or a closed tab leaves it running."""
    slot.html(_so_far(reply))
    while not reply.done.wait(LOOK_SECONDS):
        reply.shown.set()
        slot.html(_so_far(reply))
    st.rerun()


def _so_far(reply: Reply) -> str:
    answer = reply.answer
    if answer.text:
        drawn = markup.answer(answer.text, exchange=reply.exchange, cited={})
        return f'<div class="rag-caret">{drawn}</div>'
    thinking = int(time.monotonic() - reply.thinking_since)
    words = t(f"stage_{reply.stage}", position=reply.position, count=len(answer.documents), seconds=thinking)
    return f'<div class="rag-working">{markup.plain(words)}</div>'
