"""The language of the page in one browser session, and its texts in it.

Drawn texts come from `t` (texts of the page) or `said` (messages of the core). It does not know what is drawn.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from minicpm_rag.messages import LANGUAGES, Catalogue, Language, Message, guess_language
from minicpm_rag.messages import text as text_of_core
from minicpm_rag.page.texts import chat, frame, library, model, sources

CATALOGUE = Catalogue(frame, chat, sources, library, model)
LANGUAGE_COOKIE = "minicpm_rag_language"


def language() -> Language:
    """The language the page is shown in: chosen here before, else the browser's."""
    if "language" not in st.session_state:
        chosen = st.context.cookies.get(LANGUAGE_COOKIE)
        known = next((known for known in LANGUAGES if known == chosen), None)
        st.session_state.language = known or guess_language(st.context.locale)
    choice: Language = st.session_state.language
    return choice


def text(language: Language, key: str, **values: Any) -> str:
    """One of the page's texts in a language."""
    return CATALOGUE.text(language, Message(key, **values))


def t(key: str, **values: Any) -> str:
    """One of the page's texts in the session's language."""
    return text(language(), key, **values)


def said(message: Message | None) -> str:
    """A message of the core in the session's language; nothing for none."""
    return "" if message is None else text_of_core(language(), message)
