"""Ingests and removals under way, followed in the background for all sessions: closing a tab stops none.

It knows the worker's progress events, not widgets.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.records import IngestProgress, Verdict

if TYPE_CHECKING:
    from minicpm_rag.library import Library

logger = logging.getLogger(__name__)
Kind = Literal["ingest", "remove"]


class Job:
    """One job of the worker's, as far as it has come."""

    def __init__(self, library: Library, kind: Kind, knowledge_base: str, number: int, fault: str) -> None:
        self.kind = kind
        self.knowledge_base = knowledge_base
        self.number = number
        self.latest: IngestProgress | None = None
        self.verdicts: list[Verdict] = []
        self.error = ""
        self.done = threading.Event()
        self.cancelled = threading.Event()
        self._library = library
        self._fault = fault
        threading.Thread(target=self._follow, name=f"job-{number}", daemon=True).start()

    def _follow(self) -> None:
        from minicpm_rag import worker

        try:
            for step in worker.follow(self._library, self.number, cancelled=self.cancelled.is_set):
                self.latest = step
                if step.verdict is not None:
                    self.verdicts.append(step.verdict)
        except RAGError as error:
            self.error = str(error)
        except Exception:
            logger.exception("Following job %s failed", self.number)
            self.error = self._fault
        finally:
            self.done.set()


class Jobs:
    """The jobs that the page started since the server did, newest last."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        """Remember a job."""
        with self._lock:
            self._jobs.append(job)

    def of(self, knowledge_base: str) -> list[Job]:
        """The jobs of a knowledge base that were not put away."""
        with self._lock:
            return [job for job in self._jobs if job.knowledge_base == knowledge_base]

    def put_away(self, job: Job) -> None:
        """Forget a job that has been seen to."""
        with self._lock:
            self._jobs = [other for other in self._jobs if other is not job]


@st.cache_resource(show_spinner=False)
def shared() -> Jobs:
    """The jobs, one list for all sessions."""
    return Jobs()


def ingest(library: Library, knowledge_base: str, sources: Sequence[str], fault: str) -> None:
    """Have files read into a knowledge base."""
    from minicpm_rag import worker

    number = worker.submit_ingest(library, knowledge_base, sources)
    shared().add(Job(library, "ingest", knowledge_base, number, fault))


def remove(library: Library, knowledge_base: str, sources: Sequence[str], fault: str) -> None:
    """Have documents removed from a knowledge base."""
    from minicpm_rag import worker

    number = worker.submit_remove(library, knowledge_base, sources)
    shared().add(Job(library, "remove", knowledge_base, number, fault))


def name_of(source: str) -> str:
    """What a person calls a source: the file's name."""
    if "://" in source:
        return source
    return PurePath(source.removeprefix("upload:")).name or source


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many files had which verdict."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.status)
    return {status: len(list(group)) for status, group in itertools.groupby(ordered, lambda verdict: verdict.status)}
