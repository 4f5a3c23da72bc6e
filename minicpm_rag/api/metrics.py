"""What Prometheus reads at /metrics: counts and times. No text, no name of a document, knowledge base or user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from minicpm_rag import indexing
from minicpm_rag.errors import AccessError, RAGError
from minicpm_rag.library import Library
from minicpm_rag.records import Answer

if TYPE_CHECKING:
    from minicpm_rag.gate import Application, Receive, Scope, Send

router = APIRouter()

STAGE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
JOB_STATES = ("queued", "running")


class Metrics:
    """The counters of one application. Threads may share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._registry = registry = CollectorRegistry()
        self._questions = Counter(
            "minicpm_rag_questions", "Questions by how they were answered; refused: too little evidence", ["mode"],
            registry=registry,
        )  # fmt: skip
        self._errors = Counter(
            "minicpm_rag_question_errors", "Questions that ended in an error, by its key", ["error"], registry=registry
        )
        self._seconds = Histogram(
            "minicpm_rag_stage_seconds", "Seconds of each stage of an answer", ["stage"], buckets=STAGE_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._tokens = Counter("minicpm_rag_answer_tokens", "Tokens that a model wrote", registry=registry)
        self._requests = Counter("minicpm_rag_requests", "Requests by HTTP status", ["status"], registry=registry)
        self._jobs = Gauge("minicpm_rag_jobs", "Jobs of the library that wait or run", ["status"], registry=registry)

    def answered(self, answer: Answer) -> None:
        """Count an answer, as far as it came."""
        self._questions.labels(answer.mode or "stopped").inc()
        for stage, seconds in answer.seconds.items():
            self._seconds.labels(stage).observe(seconds)
        if answer.tokens_per_second:
            self._tokens.inc(round(answer.tokens_per_second * answer.seconds.get("generate", 0.0)))

    def failed(self, error: RAGError) -> None:
        """Count a question that ended in an error."""
        self._errors.labels(error.message.key).inc()

    def responded(self, status: int) -> None:
        """Count a request's response."""
        self._requests.labels(str(status)).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        under_way = [job.status for job, _ in indexing.jobs_under_way(self._library, set())]
        for state in JOB_STATES:
            self._jobs.labels(state).set(under_way.count(state))
        return generate_latest(self._registry)


class Counted:
    """ASGI middleware that counts responses, refusals of the walls behind it among them."""

    def __init__(self, app: Application, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._metrics.responded(message["status"])
            await send(message)

        await self.app(scope, receive, counted)


@router.get("/metrics", tags=["server"], response_class=Response)
def metrics(request: Request) -> Response:
    """Counts and times for Prometheus, which sends the token as its bearer token."""
    user = getattr(request.state, "user", None)
    if user is not None and not user.is_administrator:
        raise AccessError("library.not_administrator")
    found: Metrics = request.app.state.context.metrics
    return Response(found.text(), media_type=CONTENT_TYPE_LATEST)
