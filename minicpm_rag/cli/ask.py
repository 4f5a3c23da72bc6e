"""`ask` and `search`: an answer with its citations, and the passages alone.

The answer and its citations go to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from minicpm_rag.cli.shown import (
    candidate_fields,
    citation_fields,
    on_one_line,
    origin,
    passage_fields,
    passage_line,
)
from minicpm_rag.cli.tables import echo_table, printable

if TYPE_CHECKING:
    from minicpm_rag.messages import Language
    from minicpm_rag.records import Finished, Retrieved
    from minicpm_rag.retrieval.found import Candidate
    from minicpm_rag.workspace import Workspace

_WORDS = {
    "zh": {
        "citations": "引用：",
        "rewritten": "按此问题检索：{question}",
        "waiting": "排队中，前面还有 {position} 个问题……",
        "no_model": "无模型模式：回答由原文句子组成。"
        "`minicpm-rag models` 列出 MiniCPM 模型，`minicpm-rag download` 下载。",
        "anyway": "证据 {evidence:.0%}，低于门槛 {bar:.0%}。加上 --anyway 仍然作答。",
        "nearest": "最接近的段落：",
        "unsupported": "有 {count} 句话在资料中找不到依据：",
        "empty": "知识库“{name}”里还没有文档。先运行：minicpm-rag ingest 文件",
    },
    "en": {
        "citations": "Citations:",
        "rewritten": "Searched for: {question}",
        "waiting": "Waiting for the model, position {position}...",
        "no_model": "No-model mode: the answer is made of quoted sentences. `minicpm-rag models` lists "
        "MiniCPM models, `minicpm-rag download` fetches one.",
        "anyway": "Evidence {evidence:.0%}, under the bar of {bar:.0%}. Add --anyway to answer all the same.",
        "nearest": "Nearest passages:",
        "unsupported": "{count} sentence(s) have no support in the documents:",
        "empty": 'There are no documents in "{name}" yet. Run first: minicpm-rag ingest PATH',
    },
}

_CELL_CHARACTERS = 36  # of a table's cell

_kb = click.option("--kb", "knowledge_base", help="Knowledge base.  [default: MINICPM_RAG_KNOWLEDGE_BASE]")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


@click.command()
@click.argument("question")
@_kb
@_json
@click.option("--anyway", is_flag=True, help="Answer even where the evidence is under the bar.")
def ask(question: str, knowledge_base: str | None, as_json: bool, anyway: bool) -> None:
    """Answer QUESTION from the documents, with citations."""
    from minicpm_rag.records import Finished, Retrieved, Rewritten, Text, Waiting
    from minicpm_rag.settings import load_settings
    from minicpm_rag.text.questions import language_of
    from minicpm_rag.workspace import open_workspace

    _refuse_blank(question)
    words = _WORDS[language_of(question)]
    with open_workspace(load_settings()) as workspace:
        if workspace.mode == "extractive":
            click.echo(words["no_model"], err=True)
        _say_if_empty(workspace, knowledge_base, words)
        answer = workspace.answer(question, (), knowledge_base, answer_anyway=anyway)
        retrieved: Retrieved | None = None
        for event in answer.events():
            if isinstance(event, Rewritten) and event.changed:
                click.echo(words["rewritten"].format(question=event.standalone_question), err=True)
            elif isinstance(event, Retrieved):
                retrieved = event
            elif isinstance(event, Waiting) and event.position:
                click.echo(words["waiting"].format(position=event.position), err=True)
            elif isinstance(event, Text) and not as_json:
                click.echo("\n".join(printable(line) for line in event.text.split("\n")), nl=False)
            elif isinstance(event, Finished) and retrieved is not None:
                if as_json:
                    click.echo(_as_json(question, answer.standalone_question, retrieved, event))
                else:
                    click.echo()
                    _show(event, retrieved, language_of(question))


@click.command(short_help="Show the passages found for QUESTION; no model is asked.")
@click.argument("question")
@_kb
@click.option("--limit", type=click.IntRange(1, 100), help="Passages to show.  [default: MINICPM_RAG_PASSAGES]")
@click.option("--explain", is_flag=True, help="Also show why each passage stands where it does.")
@_json
def search(question: str, knowledge_base: str | None, limit: int | None, explain: bool, as_json: bool) -> None:
    """Show the passages found for QUESTION, with their scores; no model is asked."""
    from minicpm_rag.settings import load_settings
    from minicpm_rag.text.questions import language_of
    from minicpm_rag.workspace import open_workspace

    _refuse_blank(question)
    language = language_of(question)
    with open_workspace(load_settings()) as workspace:
        _say_if_empty(workspace, knowledge_base, _WORDS[language])
        found = workspace.retriever(knowledge_base).find(question, limit)
        if as_json:
            rows = [passage_fields(document) for document in found.documents]
            shown: dict[str, Any] = {"question": question, "evidence": found.evidence, "bar": found.bar}
            shown["passages"] = rows
            if explain:
                shown["dense_weight"] = found.dense_weight
                shown["candidates"] = [candidate_fields(candidate) for candidate in found.candidates]
            click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
            return
        for number, document in enumerate(found.documents, 1):
            click.echo(passage_line(number, document, language))
        click.echo(f"evidence {found.evidence:.2f}, bar {found.bar:.2f}", err=True)
        if explain:
            _explain(found.candidates, found.dense_weight, language)


def _refuse_blank(question: str) -> None:
    if not question.strip():
        raise click.UsageError("The question is blank.")


def _say_if_empty(workspace: Workspace, knowledge_base: str | None, words: dict[str, str]) -> None:
    name = knowledge_base or workspace.settings.knowledge_base
    entries = workspace.library.knowledge_bases()
    if any(entry.name == name and not entry.documents for entry in entries):
        click.echo(words["empty"].format(name=name), err=True)


def _show(finished: Finished, retrieved: Retrieved, language: Language) -> None:
    words = _WORDS[language]
    if finished.citations:
        click.echo()
        click.echo(words["citations"])
        last = 0
        for citation in finished.citations:
            if citation.number != last:
                click.echo(f"[{citation.number}] {origin(citation.document, language)}")
            last = citation.number
            click.echo(f"    {on_one_line(citation.quote)}")
    if finished.unsupported:
        click.echo(words["unsupported"].format(count=len(finished.unsupported)), err=True)
        for start, end in finished.unsupported:
            click.echo(f"  ? {on_one_line(finished.text[start:end])}", err=True)
    if retrieved.refused:
        if retrieved.documents:
            click.echo(words["anyway"].format(evidence=retrieved.evidence, bar=retrieved.bar), err=True)
            click.echo(words["nearest"], err=True)
        for number, document in enumerate(retrieved.documents, 1):
            click.echo(passage_line(number, document, language), err=True)


def _explain(candidates: list[Candidate], dense_weight: float, language: Language) -> None:
    click.echo(f"\nweight of the embedding search: {dense_weight:.2f}")
    echo_table(
        ["Score", "Keyword", "Dense", "Words", "Became", "Place", "Text"],
        [
            [
                f"{candidate.score:.3f}",
                "" if candidate.keyword_score is None else f"{candidate.keyword_score:.2f} #{candidate.keyword_rank}",
                "" if candidate.dense_score is None else f"{candidate.dense_score:.3f} #{candidate.dense_rank}",
                "" if candidate.closeness is None else f"{candidate.closeness:.2f}",
                candidate.fate,
                _cut(origin(candidate.document, language)),
                _cut(on_one_line(candidate.document.page_content)),
            ]
            for candidate in candidates
        ],
        right={0, 1, 2, 3},
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CELL_CHARACTERS else text[: _CELL_CHARACTERS - 1] + "…"


def _as_json(question: str, standalone: str, retrieved: Retrieved, finished: Finished) -> str:
    return json.dumps(
        {
            "question": question,
            "standalone_question": standalone,
            "answer": finished.text,
            "mode": finished.mode,
            "evidence": retrieved.evidence,
            "bar": retrieved.bar,
            "citations": [citation_fields(citation) for citation in finished.citations],
            "unsupported": [list(span) for span in finished.unsupported],
            "passages": [passage_fields(document) for document in finished.documents],
            "seconds": finished.seconds,
            "tokens_per_second": finished.tokens_per_second,
        },
        ensure_ascii=False,
        indent=2,
    )


COMMANDS: tuple[click.Command, ...] = (ask, search)
