"""How much of a rerun of the page is our own work, with many documents in the library.

Streamlit draws the whole page again at every click; its own share is left out. The documents are made up, of one chunk
each. The page is drawn in a process of its own, since measuring it changes Streamlit's functions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minicpm_rag.bench.search import KNOWLEDGE_BASE, MadeEmbedder, make
from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message


@dataclass(frozen=True)
class RerunSpeed:
    """Processor seconds of the thread that draws a scene: medians, and of our own work the longest run."""

    scene: str
    own: float
    worst: float
    whole: float  # with Streamlit's share


def measure(home: Path, documents: int, runs: int, follow: Callable[[int], object]) -> list[RerunSpeed]:
    """Make a library of so many documents in the folder, unless it has one, then draw each scene so many times.

    `follow` hears the documents made. Raises RAGError where the page cannot be drawn.
    """
    make(home, MadeEmbedder(), documents, follow, in_document=1)
    command = [sys.executable, "-m", "minicpm_rag.page.own_time", KNOWLEDGE_BASE]
    command += [str(documents), str(runs)]
    environment = os.environ | {"MINICPM_RAG_HOME": str(home)}
    drawn = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    if drawn.returncode:
        raise RAGError("system.page_not_drawn", why=Message("system.words", words=_last_line(drawn.stderr)))
    scenes = json.loads(_last_line(drawn.stdout))
    return [RerunSpeed(scene, **seconds) for scene, seconds in scenes.items()]


def _last_line(said: str) -> str:
    return said.strip().rpartition("\n")[2]
