"""Models of OpenBMB that this program does not run: how each is recognised, why not, and what is nearest to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minicpm_rag.messages import Message

# By the family's name as it is written in repositories, and in config.json without its punctuation.
_REFUSED = (
    (re.compile(r"minicpm-?sala\b", re.I), "minicpmsala", "models.note.sala", "MiniCPM4.1-8B"),
    (re.compile(r"minicpm-?(llama3-)?v\b", re.I), "minicpmv", "models.note.pictures", "MiniCPM5-2B"),
    (re.compile(r"minicpm-?o\b", re.I), "minicpmo", "models.note.speech", "MiniCPM5-2B"),
)
# Draft heads, which guess a model's next tokens and write nothing by themselves: EAGLE, EAGLE-3, FR-Spec, DSpark.
_DRAFT_HEAD = re.compile(r"eagle|fr-?spec|dspark", re.I)
_DRAFTED = ("MiniCPM4.1-8B", "MiniCPM5-2B", "MiniCPM4-8B")


def refused_by_name(name: str) -> Message | None:
    """Why a model of this name or hub id is not run; None where nothing is known against it."""
    plain = name.replace("_", "-")
    if _DRAFT_HEAD.search(plain) and "minicpm" in plain.casefold():
        instead = next((model for model in _DRAFTED if model.casefold() in plain.casefold()), _DRAFTED[-1])
        return Message("models.note.draft_head", instead=instead)
    for pattern, _, key, instead in _REFUSED:
        if pattern.search(plain):
            return Message(key, instead=instead)
    return None


def refused_by_config(config: Mapping[str, Any]) -> Message | None:
    """Why a checkpoint with this config.json is not run; None where nothing is known against it."""
    architectures = config.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else ""
    for named in (str(config.get("model_type")), str(first)):
        if _DRAFT_HEAD.search(named):
            return Message("models.note.draft_head", instead=_DRAFTED[0])
        plain = re.sub(r"\W|_", "", named).casefold()
        for _, family, key, instead in _REFUSED:
            if plain.startswith(family):
                return Message(key, instead=instead)
    return None
