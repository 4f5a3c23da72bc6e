"""The model view: what answers now, what fits this machine, other servers, how to answer.

It does not load models; the workspace switches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page import state
from minicpm_rag.page.background import reply, switching
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.page.views import administration, answering, model_list, notices, opening, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from minicpm_rag.llm.remote import Connection
    from minicpm_rag.workspace import Workspace


def show() -> None:
    """Draw the view."""
    workspace = state.workspace()
    if workspace is None:
        opening.wait()
        return
    st.header(t("view_model"), anchor=False)
    _now(workspace)
    with st.container(border=True):
        answering.draw(workspace)
    if not state.may_administer():
        # Another person's questions and passages go to what is chosen here.
        notices.quiet(t("only_administrators"))
        return
    model_list.draw(workspace, switch)
    _server(workspace)
    if state.person() is not None:
        administration.draw(workspace)


def switch(change: Callable[[], None]) -> None:
    """Change what answers, in the background; after an error, what answered before stays."""
    if state.may_administer():  # asked again: a button's click may be older than the rights
        switching.shared().start(change)


def _now(workspace: Workspace) -> None:
    change = switching.shared()
    if change.is_running:
        _switching()
    elif change.error:
        notices.bad(change.error)
    if workspace.mode == "extractive":
        notices.calm(t("no_model_explained"))
    elif not (change.is_running or change.error):
        _facts(workspace)


def _facts(workspace: Workspace) -> None:
    try:
        known = workspace.facts()
    except RAGError as error:
        notices.bad(error.message)
        return
    if known.get("device") == "server":
        known["device"] = t("on_a_server")
    speed = reply.shared().speed
    known["speed"] = f"{speed:.1f}" if speed else ""
    cells = "".join(
        f"<div><b>{markup.plain(value)}</b><span>{markup.plain(t(f'fact_{key}'))}</span></div>"
        for key, value in known.items()
        if value
    )
    st.html(f'<div class="rag-facts">{cells}</div>')
    if known.get("context") and state.may_administer():
        _speed(workspace)


def _speed(workspace: Workspace) -> None:
    st.button(
        t("measure_speed"),
        icon=":material/speed:",
        key="measure-speed",
        type="tertiary",
        on_click=st.session_state.update,
        kwargs={"speed_asked": True},
    )
    if not st.session_state.get("speed_asked"):
        return
    try:
        with st.spinner(t("measuring_speed")):
            found = waiting.done(workspace.measure_speed)
    except RAGError as error:
        notices.bad(error.message)
    else:
        if found is not None:
            notices.calm(t("speed_measured", seconds=found.first_token_seconds, rate=found.tokens_per_second))
    st.session_state.speed_asked = False  # not before: a run that ends this one measures it


@st.fragment(run_every=0.5)
def _switching() -> None:
    notices.working(t("switching"))
    if not switching.shared().is_running:
        st.rerun()


def _server(workspace: Workspace) -> None:
    with st.expander(t("server"), icon=":material/lan:"):
        notices.quiet(t("server_explained"))
        with st.form("server", border=False):
            address = st.text_input(t("server_address"), placeholder="http://127.0.0.1:8000/v1", key="server-address")
            models = list(st.session_state.get("server_models", ()))
            name = (
                st.selectbox(t("server_model"), models, index=None, accept_new_options=True, key="server-model-choice")
                if models
                else st.text_input(t("server_model"), key="server-model")
            )
            key = st.text_input(t("server_key"), type="password", key="server-key")
            with st.container(horizontal=True):
                st.form_submit_button(t("server_use"), key="server-submit", on_click=_ask_server, args=("use",))
                st.form_submit_button(t("server_test"), key="server-test", on_click=_ask_server, args=("test",))
        address = address.strip()
        if not address:
            return
        if (asked := st.session_state.get("server_asked", "")) and state.may_administer():
            given = (address, (name or "").strip() or None, key or None)
            found = _tested(workspace, *given)
            # In this order: a run that ends this one between the two tests it again.
            st.session_state.update(server_tested=(address, found), server_asked="")
            if not isinstance(found, Message):  # one that does not answer never takes the place of what does
                if asked == "use":
                    st.session_state.server_tested = None
                    switch(lambda: workspace.use_server(*given))
                else:
                    st.session_state.server_models = found.models
                st.rerun()  # after a test with the server's models to choose from
        _say(address)


def _ask_server(asked: str) -> None:
    st.session_state.update(server_asked=asked, server_tested=None)


def _tested(workspace: Workspace, address: str, name: str | None, key: str | None) -> Connection | Message:
    """What a server answers, or why it does not.

    A run that comes meanwhile ends this one; what is asked for stays asked, so that one tests it.
    """
    with st.spinner(t("server_testing")):
        try:
            return waiting.done(lambda: workspace.test_server(address, name, key))
        except RAGError as error:
            return error.message


def _say(address: str) -> None:
    """What the last test found, as long as its address stands there."""
    tested, found = st.session_state.get("server_tested") or ("", None)
    if found is None or tested != address:
        return
    if isinstance(found, Message):
        notices.bad(found)
        return
    notices.calm(
        t(
            "server_answers",
            model=found.model,
            seconds=found.first_token_seconds,
            tokens=found.context_tokens,
            models=found.models,
        )
    )
