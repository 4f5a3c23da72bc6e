"""Measure whole answers: is the known answer in them, are the quotes true and from the right place.

Knows the workspace's answers; works with a model and without one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.evaluation import share_of
from minicpm_rag.evaluation.question_sets import named_documents
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from minicpm_rag.evaluation.question_sets import ReferenceQuestion
    from minicpm_rag.workspace import Workspace


@dataclass(frozen=True)
class _Answered:
    question: ReferenceQuestion
    refused: bool
    holds_answer: bool
    quotes: int
    true_quotes: int
    right_place: bool
    unsupported: int
    seconds: dict[str, float]


def evaluate_answers(
    workspace: Workspace,
    knowledge_base: str,
    questions: Iterable[ReferenceQuestion],
    *,
    on_question: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Let every question be answered, and count what can be checked without judging the wording."""
    documents = named_documents(workspace.library, knowledge_base)
    answered: list[_Answered] = []
    for question in questions:
        answered.append(_ask(workspace, knowledge_base, question, documents))
        on_question()
    answerable = [one for one in answered if one.question.document is not None]
    others = [one for one in answered if one.question.document is None]
    given = [one for one in answerable if not one.refused]
    quotes = sum(one.quotes for one in answered)
    return {
        "mode": workspace.mode,
        "answerable": len(answerable),
        "answerable_refused": share_of(one.refused for one in answerable),
        "unanswerable": len(others),
        "unanswerable_refused": share_of(one.refused for one in others),
        "answer_contained": share_of(
            one.holds_answer for one in answerable if one.question.answers or one.question.facts
        ),
        "quotes": quotes,
        "quotes_true": sum(one.true_quotes for one in answered) / quotes if quotes else 0.0,
        "quoted_right_place": share_of(one.right_place for one in given),
        "unsupported_sentences": sum(one.unsupported for one in answered),
        **({"kinds": kinds} if (kinds := _by_kind(answerable)) else {}),
        **_stages(answered),
    }


def _by_kind(answerable: Sequence[_Answered]) -> dict[str, dict[str, float]]:
    """Of each kind of question that has an answer how many were answered, and how many of them rightly."""
    found: dict[str, dict[str, float]] = {}
    for kind in sorted({one.question.kind for one in answerable} - {""}):
        asked = [one for one in answerable if one.question.kind == kind]
        given = [one for one in asked if not one.refused]
        found[kind] = {
            "questions": len(asked),
            "answered": len(given) / len(asked),
            "answer_contained": share_of(
                one.holds_answer for one in asked if one.question.answers or one.question.facts
            ),
        }
    return found


def _ask(
    workspace: Workspace, knowledge_base: str, question: ReferenceQuestion, documents: Mapping[str, Collection[int]]
) -> _Answered:
    library = workspace.library
    scope = library.scope(knowledge_base, question.held_to) if question.held_to else records.Scope()
    answer = workspace.chain(knowledge_base).invoke(records.Question(question.text, scope=scope))
    text = fold(answer.text)
    return _Answered(
        question=question,
        refused=answer.mode == "refused",
        holds_answer=_holds(question, text),
        quotes=len(answer.citations),
        true_quotes=sum(_is_true(workspace, citation) for citation in answer.citations),
        right_place=any(question.found_in(citation.document, documents) for citation in answer.citations),
        unsupported=len(answer.unsupported),
        seconds=answer.seconds,
    )


def _holds(question: ReferenceQuestion, text: str) -> bool:
    """Whether a folded answer has one of the known answers, and all of the facts."""
    if not (question.answers or question.facts):
        return False
    is_one = not question.answers or any(fold(known) in text for known in question.answers)
    return is_one and all(fold(fact) in text for fact in question.facts)


def _is_true(workspace: Workspace, citation: records.Citation) -> bool:
    metadata = citation.document.metadata
    page = workspace.library.page_text(metadata[records.DOCUMENT_ID], metadata[records.PAGE])
    return bool(citation.quote) and page[citation.quote_start : citation.quote_end] == citation.quote


def _stages(answered: list[_Answered]) -> dict[str, float]:
    """The median seconds of each stage."""
    stages = {stage for one in answered for stage in one.seconds}
    return {
        f"{stage}_seconds_p50": statistics.median(one.seconds[stage] for one in answered if stage in one.seconds)
        for stage in sorted(stages)
    }
