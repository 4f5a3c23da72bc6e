"""A widget's callback hears of what can be chosen, and its errors are shown on the page."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def chosen_one_after_the_other() -> None:
    import streamlit as st

    from minicpm_rag.page.views.callbacks import choosing

    heard: list[str] = []
    for sent in ("read", "Read", "可查阅", "write"):
        st.session_state["box"] = sent
        choosing("box", ("read", "write"), heard.append)()
    st.text(" ".join(heard))


def test_a_select_box_hears_of_its_options_only_and_of_no_label() -> None:
    app = AppTest.from_function(chosen_one_after_the_other, default_timeout=300).run()
    assert not app.exception
    assert app.text[0].value == "read write"
