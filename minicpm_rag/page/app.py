"""The page from top to bottom: style, sidebar, one of the views; an error becomes a sentence.

It does not know what the views show.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Language, Message
from minicpm_rag.page import shared, state, streamlit_private
from minicpm_rag.page.html import bridge, foreign_words, theme
from minicpm_rag.page.language import language, t, text
from minicpm_rag.page.server import Gate
from minicpm_rag.page.views import callbacks, login, notices, sidebar

# A picture of our own: Streamlit fetches named icons and emoji for the tab from another host.
ICON = Path(__file__).with_name("icon.png")

logger = logging.getLogger(__name__)


def show() -> None:
    """Draw the page."""
    st.set_page_config(page_title=t("brand"), page_icon=str(ICON), layout="wide")
    theme.draw(language())
    try:
        if streamlit_private.is_served() and not Gate.is_in_place:
            _stay_closed()
        else:
            foreign_words.draw({theirs: t(f"theirs_{key}") for theirs, key in streamlit_private.WORDS.items()})
            if login.is_missing():
                login.draw()
            else:
                _show()
    except RAGError as error:
        _failed(error.message)
    except Exception:
        logger.exception("The page could not be drawn")
        _failed(Message("system.fault"))


def _show() -> None:
    # The views import the core's heavier half, which the first paint need not wait for.
    from minicpm_rag.page.views import asking, chat, library, model, question_box, uploads

    shared.opening()
    state.follow_address()
    bridge.draw(
        language=language(),
        cookies=state.cookies(),
        follow=asking.follow_mark(),
        view=state.view(),
        spoken=asking.spoken(),
        keys={
            "/": t("key_ask"),
            "Ctrl K": t("key_go_to"),
            "@": t("key_name"),
            "Esc": t("key_close"),
            "← →": t("key_marks"),
            "?": t("key_help"),
        },
        keys_called=t("keys"),
        menu=t("menu"),
        signs={
            "more_horiz": t("menu"),
            "add": t("new_knowledge_base"),
            "tune": t("answer_style"),
            "edit": t("edit_search"),
            "close": t("close"),
            "download": t("download_original"),
            "person_remove": t("unshare"),
            "chevron_left": t("previous_page"),
            "chevron_right": t("next_page"),
            "zoom_in": t("zoom_in"),
            "zoom_out": t("zoom_out"),
            "fit_width": t("zoom_fit"),
        },
        opened=chat.open_mark,
        refused=uploads.refuse,
        closed=state.close_source,
    )
    streamlit_private.run_when_reconnected()
    sidebar.draw()
    callbacks.tell()
    if state.view() != "chat":
        question_box.keep()
    {"chat": chat.show, "library": library.show, "model": model.show}[state.view()]()


def _stay_closed() -> None:
    """Say, here and in the terminal, that a server which somebody set up by themselves lets anybody in."""
    logger.warning(_unguarded("en"))
    _failed(_unguarded(language()))


def _unguarded(language: Language) -> str:
    address = streamlit_private.open_address()
    return text(language, "unguarded_open", address=address) if address else text(language, "unguarded")


def _failed(what: Message | str) -> None:
    notices.bad(what)
    st.button(t("try_again"), key="try-again", icon=":material/refresh:", on_click=shared.try_again)
