"""Callbacks of widgets, with their errors shown on the page.

Streamlit runs a callback before it draws the page, so an error is remembered until there is a place to show it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection
from typing import ParamSpec, TypeVar

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page.views import notices

P = ParamSpec("P")
T = TypeVar("T")
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


def choosing(key: str, options: Collection[T], callback: Callable[[T], None]) -> Callable[[], None]:
    """The callback of a select box, which hears of its options only.

    The browser names an option by its label. A label that is none, such as one of the language that the page had a
    moment ago, is taken by Streamlit for the chosen option itself.
    """

    def chosen() -> None:
        if (option := st.session_state[key]) in options:
            callback(option)

    return chosen


def tell(place: str = "trouble") -> None:
    """Draw what went wrong with the last click, where a callback is attempted for this place."""
    trouble: Message | str | None = st.session_state.get(place)
    if trouble is not None:
        notices.bad(trouble)  # forgotten only then: the next run may end this one where it draws
        del st.session_state[place]
