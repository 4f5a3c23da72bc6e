"""The goals for speed on a processor, each beside what was measured: what to look at before and after a change.

It measures nothing itself; the other modules here do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from minicpm_rag.bench.embedding import EmbeddingSpeed
from minicpm_rag.bench.rerun import RerunSpeed
from minicpm_rag.bench.search import SearchSpeed
from minicpm_rag.bench.start import QUESTIONS, StartSpeed

MOST = {
    "embedding": 1.3,
    "search_zh": 0.045,
    "search_en": 0.045,
    "opening": 1.0,
    "memory": 700e6,
    "rerun": 0.020,
    "cold_search": 2.5,
    "help": 0.3,
}


@dataclass(frozen=True)
class Goal:
    """What was measured, and the most that it should be: seconds of processors, bytes, or a ratio."""

    name: str
    measured: float
    most: float
    unit: Literal["seconds", "bytes", "ratio"]

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.measured <= self.most


def ratio(speeds: Iterable[EmbeddingSpeed]) -> float:
    """Our processor time for a text, as a multiple of the least that onnxruntime took by itself."""
    speeds = list(speeds)
    ours = min(each.cpu_seconds for each in speeds if each.is_ours)
    return ours / min(each.cpu_seconds for each in speeds if not each.is_ours)


def of_embedding(speeds: Iterable[EmbeddingSpeed]) -> list[Goal]:
    """What embedding should reach."""
    return [_goal("embedding", ratio(speeds), "ratio")]


def of_search(speed: SearchSpeed) -> list[Goal]:
    """What a large library should reach."""
    tails = [_goal(f"search_{language}", seconds) for language, seconds in speed.tail_cpu.items()]
    return [*tails, _goal("opening", speed.opening_cpu), _goal("memory", speed.memory, "bytes")]


def of_rerun(speeds: Iterable[RerunSpeed]) -> list[Goal]:
    """What the page should reach."""
    return [_goal("rerun", max(each.own for each in speeds))]


def of_start(speeds: Iterable[StartSpeed]) -> list[Goal]:
    """What commands should reach."""
    taken = {each.what: each.cpu_seconds for each in speeds}
    return [_goal("cold_search", max(taken[name] for name in QUESTIONS)), _goal("help", taken["--help"])]


def _goal(name: str, measured: float, unit: Literal["seconds", "bytes", "ratio"] = "seconds") -> Goal:
    return Goal(name, measured, MOST[name], unit)
