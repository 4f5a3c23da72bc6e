"""The clock behind `bench rerun`: it stands while Streamlit draws, and runs in our functions that Streamlit calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from minicpm_rag.page import own_time
from minicpm_rag.page.own_time import OwnTime, streamlit_timed


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Spends so many seconds of a clock that only it moves."""
    now = [0.0]
    monkeypatch.setattr(own_time.time, "thread_time", lambda: now[0])

    def spend(seconds: float) -> None:
        now[0] += seconds

    return spend


def test_only_what_is_ours_is_counted(work: Callable[[float], None]) -> None:
    clock = OwnTime()

    def ours() -> str:
        work(4)
        return "called back"

    def element(label: str, *, format_func: Callable[[], str]) -> str:
        work(100)
        inner("drawn by another element")
        found = format_func()
        work(100)
        return found

    inner = clock.stopped_in(lambda label: work(1000))
    drawn = clock.stopped_in(element)
    with clock.running():
        work(1)
        assert drawn("list", format_func=ours) == "called back"
        work(2)
    work(50)
    assert clock.seconds == 7


def test_an_error_of_an_element_lets_the_clock_run_on(work: Callable[[float], None]) -> None:
    clock = OwnTime()

    def element() -> None:
        work(100)
        raise ValueError

    with clock.running():
        with pytest.raises(ValueError):
            clock.stopped_in(element)()
        work(3)
    assert clock.seconds == 3


def test_a_component_is_a_function_that_draws(work: Callable[[float], None]) -> None:
    clock = OwnTime()
    make = clock.stopped_in(lambda: lambda: work(100))
    with clock.running():
        make()()
        work(5)
    assert clock.seconds == 5


def test_streamlits_functions_are_as_before_afterwards() -> None:
    names = ("button", "html", "selectbox", "columns", "set_page_config")
    before = [getattr(st, name) for name in names], dict(vars(DeltaGenerator))
    fragment = st.fragment  # gives our function back, which is ours
    with streamlit_timed(OwnTime()):
        assert all(getattr(st, name) is not old for name, old in zip(names, before[0], strict=True))
        assert st.fragment is fragment
    assert ([getattr(st, name) for name in names], dict(vars(DeltaGenerator))) == before
