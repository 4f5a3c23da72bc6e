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


def attempt(callback: Callable[P, None], place: str = "trouble") -> Callable[P, None]:
    """A widget's callback whose errors are remembered until their place on the page is drawn."""

    @functools.wraps(callback)
    def attempted(*values: P.args, **options: P.kwargs) -> None:
        try:
            callback(*values, **options)
        except RAGError as error:
            st.session_state[place] = error.message
        except Exception:
            logger.exception("A click could not be carried out")
            st.session_state[place] = Message("system.fault")

    return attempted


def tell(place: str = "trouble") -> None:
    """Draw what went wrong with the last click, where a callback is attempted for this place."""
    trouble: Message | str | None = st.session_state.get(place)
    if trouble is not None:
        notices.bad(trouble)  # forgotten only then: the next run may end this one where it draws
        del st.session_state[place]
