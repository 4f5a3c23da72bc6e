"""One question with its answer, as it stands in a conversation.

It does not know how an answer is made; what its buttons ask for is done by the chat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.answering.source_language import source_note
from minicpm_rag.page import shared, sources, state
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import said, t
from minicpm_rag.page.views import export, notices
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.records import Question

if TYPE_CHECKING:
    from minicpm_rag.records import Answer, Exchange

MOST_THOUGHTS = 20_000  # characters that are drawn: each run of the page sends them again, folded away or not

# Answers the question of an exchange again, as it is asked here.
AskAgain = Callable[["Exchange", Question], None]


def question(text: str) -> None:
    """Draw what was asked."""
    st.html(f'<div class="rag-question" role="heading" aria-level="2">{markup.plain(text)}</div>')


def draw(exchange: Exchange, *, last: bool, ask_again: AskAgain) -> None:
    """Draw a question and its answer; the last one can be answered again."""
    question(exchange.question)
    answer = exchange.answer
    if answer is None:
        notices.warn(t("interrupted"))
        if last:
            _again(exchange, ask_again)
        return
    if answer.standalone_question and not _is_asked_so(exchange.question, answer.standalone_question):
        _rewritten(exchange, answer, ask_again)
    if answer.thoughts:
        _thoughts(exchange, answer)
    if answer.text and answer.mode != "refused":
        st.html(
            markup.answer(
                answer.text,
                exchange=exchange.id,
                cited=_called(answer),
                unsupported=answer.unsupported,
                unsupported_hint=t("unsupported_hint"),
            )
        )
    if answer.error:
        notices.bad(answer.error)
    if answer.note and answer.mode == "extractive":
        notices.warn(said(answer.note))
    if answer.mode == "refused":
        notices.warn(answer.text)
    elif answer.mode == "stopped":
        notices.quiet(t("stopped"))
    if note := source_note(answer):
        notices.quiet(said(note))
    if answer.unsupported and answer.mode in ("model", "stopped"):
        st.html(f'<div class="rag-legend">〰 {markup.plain(t("unsupported_legend"))}</div>')
    _sources(exchange, answer)
    _tools(exchange, answer, last, ask_again)


def _is_asked_so(question: str, searched: str) -> bool:
    """Whether what was searched for is what was asked, but for the names that it is held to."""
    return question == searched or (question.startswith("@") and question.endswith(f" {searched}"))


def _edit(exchange: Exchange, ask_again: AskAgain) -> None:
    with (
        st.popover(t("edit_question"), icon=":material/edit:", type="tertiary"),
        st.form(f"edit-{exchange.id}", border=False),
    ):
        key = f"edited-{exchange.id}"

        def asked() -> None:
            if edited := st.session_state[key].strip():
                ask_again(exchange, Question(edited))

        st.text_area(t("edit_question"), value=exchange.question, key=key)
        st.form_submit_button(t("ask_this"), key=f"ask-this-{exchange.id}", on_click=asked)


def _rewritten(exchange: Exchange, answer: Answer, ask_again: AskAgain) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", key=f"searched-{exchange.id}"
    ):
        searched = markup.plain(t("searched_for", question=answer.standalone_question))
        st.html(f'<div class="rag-searched">{searched}</div>', width="content")
        with (
            st.popover("", icon=":material/edit:", type="tertiary", help=t("edit_search")),
            st.form(f"rewrite-{exchange.id}", border=False),
        ):
            key = f"standalone-{exchange.id}"

            def asked() -> None:
                edited = st.session_state[key].strip()
                ask_again(exchange, Question(exchange.question, standalone=edited or exchange.question))

            st.text_area(t("edit_search"), value=answer.standalone_question, key=key)
            st.form_submit_button(t("search_with_this"), key=f"search-again-{exchange.id}", on_click=asked)


def _thoughts(exchange: Exchange, answer: Answer) -> None:
    """What the model thought first, folded away. It is drawn as plain text: no marks, no links."""
    label = t("thoughts", seconds=max(1, round(answer.seconds.get("think", 0))))
    thoughts = answer.thoughts.strip()
    with st.expander(label, icon=":material/psychology:", key=f"thoughts-{exchange.id}"):
        if len(thoughts) > MOST_THOUGHTS:
            notices.quiet(t("thoughts_cut", total=len(thoughts), shown=MOST_THOUGHTS))
        st.html(f'<div class="rag-thoughts">{markup.plain(thoughts[-MOST_THOUGHTS:])}</div>')


def _called(answer: Answer) -> dict[int, str]:
    """The cited numbers as they are read aloud."""
    if not answer.citations:
        return {}
    return {number: t("citation_called", number=number, where=where) for number, where in sources.named(answer).items()}


def _sources(exchange: Exchange, answer: Answer) -> None:
    is_refused = answer.mode == "refused"
    if not (answer.citations or (is_refused and answer.documents)):
        return
    if is_refused:
        answer = replace(answer, citations=[])
        notices.quiet(t("nearest"))
    with st.container(horizontal=True, key=f"sources-{exchange.id}", gap="xsmall"):
        for number, name in sorted(sources.named(answer).items()):
            st.button(
                f"{number}  {markup.label(name)}",
                key=f"source-{exchange.id}-{number}",
                on_click=_open,
                args=(answer, number),
            )


def _open(answer: Answer, number: int) -> None:
    source = sources.cited(answer, number)
    if source is not None:
        state.open_source(source)


def _tools(exchange: Exchange, answer: Answer, last: bool, ask_again: AskAgain) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"tools-{exchange.id}", gap="xsmall"):
        if answer.text and answer.mode != "refused":
            _copy(export.with_sources(answer))
        if last:
            _again(exchange, ask_again)
            _edit(exchange, ask_again)
            if answer.mode == "refused":
                _button(
                    "answer_anyway",
                    ":material/forum:",
                    exchange,
                    lambda: ask_again(exchange, Question(exchange.question, answer_anyway=True)),
                )
        _rating(exchange)
        notices.quiet(timings(answer))
    if exchange.rating == -1:
        _why(exchange)


def _rating(exchange: Exchange) -> None:
    key = f"rating-{exchange.id}"
    default = None if exchange.rating is None else max(0, exchange.rating)  # Streamlit's thumbs: 1 up, 0 down
    st.feedback("thumbs", key=key, default=default, on_change=_rate, args=(exchange,))


def _why(exchange: Exchange) -> None:
    st.text_input(
        t("what_was_wrong"),
        exchange.note,
        key=f"note-{exchange.id}",
        placeholder=t("what_was_wrong"),
        label_visibility="collapsed",
        on_change=_rate,
        args=(exchange,),
    )


@attempt
def _rate(exchange: Exchange) -> None:
    current = state.conversation()
    thumb = st.session_state.get(f"rating-{exchange.id}")
    rating = None if thumb is None else (1 if thumb else -1)
    note = str(st.session_state.get(f"note-{exchange.id}") or "") if rating == -1 else ""
    if current is not None:
        shared.conversations().rate(state.user(), current.id, exchange.id, rating, note)


def _copy(text: str) -> None:
    done = f'<span class="done">{markup.plain(t("copied"))}</span>'
    words = f'<span class="copy">{markup.plain(t("copy"))}</span>{done}'
    st.html(
        f'<button type="button" class="rag-copy" data-copy="{markup.attribute(text)}">{words}</button>',
        width="content",
    )


def _again(exchange: Exchange, ask_again: AskAgain) -> None:
    _button("regenerate", ":material/refresh:", exchange, lambda: ask_again(exchange, Question(exchange.question)))


def _button(key: str, icon: str, exchange: Exchange, does: Callable[[], None]) -> None:
    st.button(t(key), icon=icon, key=f"{key}-{exchange.id}", type="tertiary", on_click=does)


def timings(answer: Answer) -> str:
    """How long it took and which model answered, in one line."""
    taken = sum(answer.seconds.get(stage, 0) for stage in ("rewrite", "retrieve", "generate"))
    parts = [t("took", seconds=f"{taken:.1f}") if taken >= 0.05 else "", answer.model]
    return " · ".join(filter(None, parts))
