"""The conversation: questions in, answers streamed, the open source beside them.

It does not know how an answer is found; `reply` runs it, `message` draws it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import NotFoundError
from minicpm_rag.page import examples, shared, sources, state, streamlit_private
from minicpm_rag.page.background import reply as replies
from minicpm_rag.page.html import drafts, markup, mentions
from minicpm_rag.page.language import language, t
from minicpm_rag.page.views import asking, conversation_menu, message, notices, opening, source_pane, tour, uploads
from minicpm_rag.page.views.callbacks import attempt

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from minicpm_rag.page.background.reply import Reply
    from minicpm_rag.records import Conversation
    from minicpm_rag.workspace import Workspace

LOOK_SECONDS = 0.08  # how often a growing answer is drawn; a click on "stop" is noticed then
MOST_NAMES = 500
EMPTY_SECONDS = 1.0  # how often an empty knowledge base looks for its first document


def show() -> None:
    """Draw the view."""
    workspace = state.workspace()
    conversation = state.conversation()
    reply = replies.shared().of(conversation.id) if conversation else None
    _input(workspace, reply)
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


def _input(workspace: Workspace | None, reply: Reply | None) -> None:
    def asked() -> None:
        given = st.session_state["question"]
        question = str(getattr(given, "text", given) or "").strip()
        files = getattr(given, "files", None)
        if files:
            asking.ask_about(question, files)
        elif question:
            asking.ask(question)

    with st.bottom:
        if reply is not None:
            with st.container(key="stop", horizontal=True, horizontal_alignment="center"):
                st.button(t("stop"), icon=":material/stop_circle:", key="stop-answer", on_click=reply.stop)
        _scope()
        if workspace is not None:
            mentions.draw(_names_offered(workspace), called=t("held_to"), held=_hold_to, dropped=_drop_last)
        limit = shared.settings().upload_megabytes
        streamlit_private.take_uploads_of(limit)
        drafts.draw(state.user())
        given = st.chat_input(
            t("ask_placeholder"),
            key="question",
            accept_file="multiple",
            max_upload_size=limit,
            on_submit=asked,
        )
    # A tab that was open before the server was started anew: its session is new here, and has no callbacks yet.
    if not st.session_state.get("question_is_heard") and given is not None:
        st.session_state.question_is_heard = True
        asked()
        st.rerun()
    st.session_state.question_is_heard = True


def _names_offered(workspace: Workspace) -> list[str]:
    """The documents and tags that a question can be held to, the newest first."""
    try:
        newest = workspace.library.listing(state.knowledge_base()).newest[:MOST_NAMES]
    except NotFoundError:
        return []
    tags = sorted({tag for row in newest for tag in row.tags})
    return list(dict.fromkeys([*(row.title for row in newest), *tags]))


def _hold_to(name: str) -> None:
    if name:
        state.hold_to([*state.scope(), name])


def _drop_last() -> None:
    state.hold_to(state.scope()[:-1])


def _scope() -> None:
    """What the next questions are held to, as chips; a click takes one away."""
    names = state.scope()
    if not names:
        return
    with st.container(horizontal=True, key="scope", gap="xsmall", vertical_alignment="center"):
        st.html(f'<div class="rag-quiet">{markup.plain(t("held_to"))}</div>', width="content")
        for number, name in enumerate(names):
            st.button(
                markup.label(name),
                icon=":material/close:",
                key=f"scope-{number}",
                help=t("held_to_remove"),
                on_click=state.hold_to,
                args=([other for other in names if other != name],),
            )


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
