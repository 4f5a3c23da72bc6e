"""Callbacks of widgets, with their errors shown on the page.

Streamlit runs a callback before it draws the page, so an error is remembered until there is a place to show it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page.views import notices

P = ParamSpec("P")
logger = logging.getLogger(__name__)


def attempt(callback: Callable[P, None]) -> Callable[P, None]:
    """A widget's callback whose errors are remembered until the page is drawn."""

    @functools.wraps(callback)
    def attempted(*values: P.args, **options: P.kwargs) -> None:
        try:
            callback(*values, **options)
        except RAGError as error:
            st.session_state.trouble = error.message
        except Exception:
            logger.exception("A click could not be carried out")
            st.session_state.trouble = Message("system.fault")

    return attempted


def tell() -> None:
    """Draw what went wrong with the last click."""
    trouble: Message | str | None = st.session_state.pop("trouble", None)
    if trouble is not None:
        notices.bad(trouble)
