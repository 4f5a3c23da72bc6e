"""Knowledge bases, documents, pages, jobs, search and answers, as plain HTTP with JSON.

Files come in by upload only: a path or address in a request would read this machine, or others in its network.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Path, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import iterate_in_threadpool

from minicpm_rag import __version__, indexing
from minicpm_rag.api import problems
from minicpm_rag.api.answering import Asked, as_events, sent
from minicpm_rag.api.context import Context, context_of, language_of
from minicpm_rag.api.links import Linked, page_html
from minicpm_rag.errors import DocumentError, NotFoundError, RAGError
from minicpm_rag.fields import retrieval_fields, verdict_fields
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import (
    AnswerEvent,
    DocumentRow,
    IngestProgress,
    Level,
    Question,
    Retrieval,
    Rewritten,
    Scope,
    Text,
    Turn,
    Waiting,
)

router = APIRouter()

LONGEST_QUESTION = 20_000  # characters
MOST_FILES = 1000  # of one upload

Number = Annotated[int, Path(ge=1, le=2**53)]
Offset = Annotated[int, Query(ge=0, le=2**53)]
Name = Annotated[str, Path(min_length=1, max_length=200)]


class NewKnowledgeBase(BaseModel):
    """A knowledge base to make, or another name for one."""

    name: str = Field(min_length=1, max_length=200)


class Share(BaseModel):
    """Who may do how much with a knowledge base; level null takes it away."""

    kind: Literal["everyone", "user", "group"]
    name: str = Field("", max_length=200, description="e-mail address or subject of a user, or name of a group")
    level: Level | None


class SearchRequest(BaseModel):
    """A question to search for."""

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    limit: int | None = Field(None, ge=1, le=100)
    explain: bool = False


class EarlierTurn(BaseModel):
    """An earlier question and its answer."""

    question: str = Field(max_length=LONGEST_QUESTION)
    answer: str = Field(max_length=100_000)


class AskRequest(BaseModel):
    """A question to answer, and the conversation before it."""

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    history: list[EarlierTurn] = Field(default_factory=list, max_length=1000)
    answer_anyway: bool = False
    documents: list[Annotated[int, Field(ge=1, le=2**53)]] = Field(
        default_factory=list, max_length=1000, description="numbers of the documents that the question is held to"
    )
    stream: bool = Field(False, description="server-sent events: rewritten, retrieval, waiting, text, answer")


# The server


@router.get("/health", tags=["server"])
def health() -> dict[str, str]:
    """Whether the server runs; needs no token."""
    return {"status": "ok"}


@router.get("/api/version", tags=["server"])
def version(request: Request) -> dict[str, Any]:
    """The program's version, and what answers."""
    workspace = context_of(request).workspace
    return {"version": __version__, "mode": workspace.mode, "model": workspace.model_name}


# Knowledge bases


@router.get("/api/knowledge-bases", tags=["knowledge bases"])
def knowledge_bases(request: Request) -> list[dict[str, Any]]:
    """All knowledge bases with their counts."""
    return [asdict(entry) for entry in context_of(request).workspace.library.knowledge_bases()]


@router.post("/api/knowledge-bases", status_code=201, tags=["knowledge bases"])
def create(body: NewKnowledgeBase, request: Request) -> dict[str, Any]:
    """Make an empty knowledge base."""
    return asdict(context_of(request).workspace.library.create(body.name))


@router.get("/api/knowledge-bases/{name}", tags=["knowledge bases"])
def knowledge_base(name: Name, request: Request) -> dict[str, Any]:
    """One knowledge base."""
    return asdict(context_of(request).workspace.library.knowledge_base(name))


@router.patch("/api/knowledge-bases/{name}", tags=["knowledge bases"])
def rename(name: Name, body: NewKnowledgeBase, request: Request) -> dict[str, Any]:
    """Give a knowledge base another name."""
    library = context_of(request).workspace.library
    library.rename(name, body.name)
    return asdict(library.knowledge_base(body.name))


@router.delete("/api/knowledge-bases/{name}", status_code=202, tags=["knowledge bases"])
def delete(name: Name, request: Request) -> dict[str, int]:
    """Delete a knowledge base: gone at once; the job clears the rest."""
    return {"job": indexing.submit_delete(context_of(request).workspace.library, name)}


@router.get("/api/knowledge-bases/{name}/sharing", tags=["knowledge bases"])
def sharing(name: Name, request: Request) -> dict[str, Any]:
    """Who may do what with a knowledge base, for those who manage it."""
    return asdict(context_of(request).workspace.library.sharing(name))


@router.put("/api/knowledge-bases/{name}/sharing", tags=["knowledge bases"])
def share(name: Name, body: Share, request: Request) -> dict[str, Any]:
    """Let everyone, a person or a group do so much with a knowledge base."""
    library = context_of(request).workspace.library
    library.share(name, body.kind, body.name, body.level)
    return asdict(library.sharing(name))


# Documents


@router.get("/api/knowledge-bases/{name}/documents", tags=["documents"])
def documents(name: Name, request: Request) -> list[dict[str, Any]]:
    """The documents, and the files that could not be read."""
    language = language_of(request)
    return [_document(row, language) for row in context_of(request).workspace.library.documents(name)]


@router.post("/api/knowledge-bases/{name}/documents", status_code=202, tags=["documents"])
def upload(
    name: Name, request: Request, files: Annotated[list[UploadFile], File(max_length=MOST_FILES)]
) -> dict[str, int]:
    """Upload files into a knowledge base, made where it is missing; follow the job at /api/jobs/{job}/events."""
    context = context_of(request)
    library = context.workspace.library
    contents = [(file.filename or "", file.file.read(context.most_upload_bytes + 1)) for file in files]
    for file_name, content in contents:
        if len(content) > context.most_upload_bytes:
            raise DocumentError("api.file_too_large", name=file_name, most=context.most_upload_bytes)
    library.embedder_of(name)
    paths = [indexing.save_upload(library, name, file_name, content) for file_name, content in contents]
    return {"job": indexing.submit_ingest(library, name, paths)}


@router.delete("/api/documents/{number}", status_code=202, tags=["documents"])
def remove(number: Number, request: Request) -> dict[str, int]:
    """Remove a document."""
    library = context_of(request).workspace.library
    row = library.document(number)
    return {"job": indexing.submit_remove(library, row.knowledge_base, [row.source])}


@router.get("/api/documents/{number}", tags=["documents"])
def document(number: Number, request: Request) -> dict[str, Any]:
    """One document."""
    return _document(context_of(request).workspace.library.document(number), language_of(request))


@router.get("/api/documents/{number}/pages", tags=["documents"])
def pages(number: Number, request: Request) -> list[dict[str, Any]]:
    """The pages of a document, without their text."""
    library = context_of(request).workspace.library
    library.document(number)
    return [
        {"number": page.number, "kind": page.kind, "label": page.label, "characters": len(page.text)}
        for page in library.pages(number)
    ]


@router.get("/api/documents/{number}/pages/{page}", tags=["documents"])
def page_of(number: Number, page: Number, request: Request) -> dict[str, Any]:
    """One page: the text that quotes are proven against."""
    return asdict(context_of(request).workspace.library.page(number, page))


@router.get("/open/{number}/{page}", tags=["documents"], response_class=HTMLResponse)
def open_passage(
    number: Number,
    page: Number,
    request: Request,
    signature: Annotated[str, Query(max_length=100)],
    start: Offset = 0,
    end: Offset = 0,
    user: Annotated[str, Query(max_length=500)] = "",
) -> HTMLResponse:
    """A page with the quoted words marked, for a browser; the link of a citation leads here and needs no token.

    One that was made for a user opens as long as that user may read the document.
    """
    context = context_of(request)
    if not context.links.is_valid(Linked(number, page, start, end, user), signature):
        raise NotFoundError("api.no_such_link")
    library = context.workspace.library
    if user:
        library = library.seen_by(library.user_shown_as(user))
    return HTMLResponse(page_html(library.document(number).title, library.page(number, page), start, end))


# Searching and answering


@router.post("/api/knowledge-bases/{name}/search", tags=["questions"])
def search(name: Name, body: SearchRequest, request: Request) -> dict[str, Any]:
    """The passages found for a question, with the evidence; no model is asked."""
    retriever = context_of(request).workspace.retriever(name)
    return retrieval_fields(body.question, retriever.retrieve(body.question, body.limit), explain=body.explain)


@router.post("/api/knowledge-bases/{name}/ask", tags=["questions"], response_model=None)
def ask(name: Name, body: AskRequest, request: Request) -> JSONResponse | StreamingResponse:
    """A cited answer to a question; a refusal has the nearest passages."""
    context, language = context_of(request), language_of(request)
    context.workspace.library.knowledge_base(name)
    turns = [Turn(turn.question, turn.answer) for turn in body.history]
    scope = Scope(documents=tuple(body.documents))
    question = Question(body.question, history=turns, answer_anyway=body.answer_anyway, scope=scope)
    asked = Asked(context, context.workspace.chain(name), question, str(request.base_url), language)
    if not body.stream:
        return JSONResponse(asked.finished().fields())

    async def events() -> AsyncIterator[str]:
        try:
            async for event in as_events(asked, _told):
                yield event
            yield sent(asked.fields(), "answer")
        except RAGError as error:
            yield _problem_event(error, language)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def _told(event: AnswerEvent) -> Iterator[dict[str, Any]]:
    """A step of an answer as an event's data; its `event` says which."""
    if isinstance(event, Rewritten):
        yield {"event": "rewritten", "question": event.standalone_question, "changed": event.changed}
    elif isinstance(event, Retrieval):
        found = {"evidence": event.evidence, "threshold": event.threshold, "refused": event.refused}
        yield {"event": "retrieval", **found, "passages": len(event.documents)}
    elif isinstance(event, Waiting):
        yield {"event": "waiting", "position": event.position}
    elif isinstance(event, Text):
        yield {"event": "text", "text": event.text, "anew": event.anew}


# Jobs


@router.get("/api/jobs", tags=["jobs"])
def jobs(request: Request) -> list[dict[str, Any]]:
    """The jobs that wait or run."""
    found = indexing.jobs_under_way(context_of(request).workspace.library, set())
    return [{**_job(job, language_of(request)), "knowledge_base": name} for job, name in found]


@router.get("/api/jobs/{number}", tags=["jobs"])
def job(number: Number, request: Request) -> dict[str, Any]:
    """How a job stands."""
    return _job(indexing.job_state(context_of(request).workspace.library, number), language_of(request))


@router.delete("/api/jobs/{number}", status_code=202, tags=["jobs"])
def cancel(number: Number, request: Request) -> dict[str, Any]:
    """End a job after its current file."""
    library = context_of(request).workspace.library
    indexing.cancel_job(library, number)
    return _job(indexing.job_state(library, number), language_of(request))


@router.get("/api/jobs/{number}/events", tags=["jobs"], response_class=StreamingResponse)
def follow(number: Number, request: Request) -> StreamingResponse:
    """The progress of a job from its beginning, as server-sent events; the last one is its state."""
    context, language = context_of(request), language_of(request)
    indexing.job_state(context.workspace.library, number)
    return StreamingResponse(_progress(context, number, language), media_type="text/event-stream")


async def _progress(context: Context, number: int, language: Language) -> AsyncIterator[str]:
    library = context.workspace.library
    left = threading.Event()
    try:
        async for step in iterate_in_threadpool(indexing.follow(library, number, left=left)):
            yield sent(_step(step, language), "progress")
        yield sent(_job(indexing.job_state(library, number), language), "done")
    except RAGError as error:
        yield _problem_event(error, language)
    finally:
        left.set()


def _step(step: IngestProgress, language: Language) -> dict[str, Any]:
    verdict = None if step.verdict is None else verdict_fields(step.verdict, language)
    return {**asdict(step), "verdict": verdict}


def _problem_event(error: RAGError, language: Language) -> str:
    words = text(language, error.message)
    return sent(
        {"type": f"urn:minicpm-rag:{error.message.key}", "title": words, "status": problems.status_of(error)}, "error"
    )


def _job(job: indexing.Job, language: Language) -> dict[str, Any]:
    error = None if job.error is None else text(language, job.error)
    return {"job": job.id, "kind": job.kind, "status": job.status, "error": error}


def _document(row: DocumentRow, language: Language) -> dict[str, Any]:
    return {
        **asdict(row),
        "reason": _said(row.reason, language),
        "remedy": _said(row.remedy, language),
    }


def _said(message: Message | None, language: Language) -> str | None:
    return None if message is None else text(language, message)
