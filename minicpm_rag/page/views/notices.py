"""Notices: sentences that stand out from the text around them. Their text may come from anywhere and stays inert."""

from __future__ import annotations

import streamlit as st

from minicpm_rag.messages import Message
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import said


def calm(sentence: str) -> None:
    """Something good to know."""
    st.html(f'<div class="rag-notice calm">{markup.plain(sentence)}</div>')


def warn(sentence: str) -> None:
    """Something to be careful about."""
    st.html(f'<div class="rag-notice">{markup.plain(sentence)}</div>')


def bad(what: Message | str) -> None:
    """Something that went wrong, with its remedy: a message of the core, or one of the page's texts."""
    sentence = said(what) if isinstance(what, Message) else what
    st.html(f'<div class="rag-notice bad" role="alert">{markup.plain(sentence)}</div>')


def quiet(sentence: str) -> None:
    """Something that need not be read."""
    st.html(f'<div class="rag-quiet">{markup.plain(sentence)}</div>')


def working(sentence: str) -> None:
    """Something under way."""
    st.html(f'<div class="rag-working">{markup.plain(sentence)}</div>')
