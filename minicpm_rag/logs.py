"""Logs as one JSON object a line, for programs that collect them.

They hold no text of documents, no questions and no names: of a log call only its constant sentence is written, numbers,
and of an error its kind, its key and where it was raised. Whatever else a sentence would be filled with is left out.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from minicpm_rag.errors import RAGError


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: time, level, logger, the sentence as it stands in the code, values, and an error."""
        values = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
        errors = [value for value in values if isinstance(value, BaseException)]
        raised = record.exc_info[1] if record.exc_info else None
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            # A library may have filled its sentence itself; only ours are constant.
            "message": str(record.msg) if record.name.startswith("minicpm_rag") else "",
            "numbers": [value for value in values if isinstance(value, (int, float))],
            "errors": [_told(error) for error in (*errors, *([raised] if raised else []))],
        }
        return json.dumps({name: value for name, value in fields.items() if value not in ("", [])}, ensure_ascii=False)


def write_json() -> None:
    """Write all logs of this process to stderr as JSON lines from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    for name in list(logging.root.manager.loggerDict):  # Streamlit and uvicorn bring handlers of their own
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("httpx", "httpcore", "openai", "chromadb", "streamlit", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _told(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "kind": type(error).__name__,
        **({"key": error.message.key} if isinstance(error, RAGError) else {}),
        "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }
