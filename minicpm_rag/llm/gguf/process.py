"""The process in which llama.cpp runs: started when it is needed, started again where it died, ended with its owner.

Knows no prompts and no sampling; see `child` for why it is a process.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from minicpm_rag.errors import CheckpointError, ModelError, OutOfMemoryError

_REQUEST_SECONDS = 60.0  # to count tokens; only a broken process takes long
_END_SECONDS = 1.0
_ERROR_LINE = re.compile(r"^[\d.]+ E (.*)$", re.MULTILINE)  # after the time, llama.cpp's letter for an error
_ARCHITECTURE = re.compile(r"unknown model architecture: '([^']*)'")


@dataclass(frozen=True)
class Load:
    """What to load and how. `memory` is what it takes at least, in bytes; each of `slots` has a whole `context`."""

    path: Path
    context: int
    slots: int
    threads: int
    memory: int
    device: str = "auto"  # auto, cuda or cpu


class LlamaProcess:
    """llama.cpp with one model. Threads may share it. Raises CheckpointError, OutOfMemoryError or ModelError."""

    def __init__(self, load: Load) -> None:
        """Start it and wait until the model is loaded."""
        self.load = load
        self.devices: tuple[str, ...] = ()  # GPUs that it uses
        self._key = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._closed = False
        self._host = ""
        self._process: subprocess.Popen[str] | None = None
        self._words: IO[bytes] | None = None
        self.connection()

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._closed = True
            self._end()

    def connection(self) -> http.client.HTTPConnection:
        """A new connection to llama.cpp's server; the process is started again where it has died."""
        with self._lock:
            if self._closed:
                raise ModelError("llm.closed")
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._start()
            return http.client.HTTPConnection(self._host)

    def request(
        self, connection: http.client.HTTPConnection, path: str, content: Any = None
    ) -> http.client.HTTPResponse:
        """Send a request, with JSON where there is content. Raises ModelError for an answer that is an error."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            told = response.read().decode("utf-8", "replace")
            with contextlib.suppress(ValueError, LookupError, TypeError):
                told = json.loads(told)["error"]["message"]
            raise ModelError("llm.gguf_refused", path=self.load.path, why=told[:300])
        return response

    def ask(self, path: str, content: Any = None) -> Any:
        """The JSON that the server answers; one that has died since it was last used is started again and asked."""
        for is_last in (False, True):
            with contextlib.closing(self.connection()) as connection:
                connection.timeout = _REQUEST_SECONDS
                try:
                    return json.loads(self.request(connection, path, content).read())
                except (OSError, http.client.HTTPException, ValueError) as exc:
                    if is_last or not self._has_died():
                        raise self.ended() from exc
        raise AssertionError("unreachable")

    def ended(self) -> ModelError:
        """The error for a process that no longer answers, with its last words."""
        return ModelError("llm.gguf_ended", path=self.load.path, why=self._said() or "-")

    def _has_died(self) -> bool:
        """Whether the process has ended; the system tells it a moment after its connections break."""
        with self._lock, contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(_END_SECONDS)
        return self._process is None or self._process.poll() is not None

    def _start(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_end`
        package_parent = str(Path(__file__).resolve().parents[3])
        search_path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), package_parent)))
        # A group of its own: Ctrl-C on a terminal stops an answer, not the model.
        group: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        process = subprocess.Popen(
            [sys.executable, "-m", "minicpm_rag.llm.gguf.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            encoding="utf-8",
            # Beside another busy process, threads that spin while they wait make a token take 480 ms instead of 25.
            env={**os.environ, "PYTHONPATH": search_path, "PYTHONUTF8": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            **group,
        )
        self._process = process
        weakref.finalize(self, process.kill)
        load = self.load
        request = {
            "path": str(load.path), "context": load.context, "slots": load.slots, "threads": load.threads,
            "memory": load.memory, "device": load.device, "key": self._key,
        }  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or "{}")
        except (OSError, ValueError):
            answer = {}
        if "address" not in answer:
            process.wait()
            error = self._failure(answer)
            self._end()
            raise error
        self._host = str(answer["address"]).partition("//")[2]
        self.devices = tuple(answer["devices"])

    def _failure(self, answer: dict[str, Any]) -> ModelError:
        path, kind = self.load.path, answer.get("failure")
        if kind == "no_extra":
            return ModelError("llm.no_gguf_extra", path=path, why=answer["why"])
        if kind == "no_gpu":
            return ModelError("llm.gguf_no_gpu")
        if kind == "no_memory":
            return OutOfMemoryError("llm.gguf_no_memory", path=path, size=self.load.memory, free=answer["free"])
        words = self._said()
        if unknown := _ARCHITECTURE.search(words):
            return CheckpointError("llm.gguf_architecture", path=path, name=unknown.group(1))
        return CheckpointError("llm.gguf_not_loaded", path=path, why=words or "-")

    def _said(self) -> str:
        """The first error that llama.cpp told on stderr, or its last words where it died without one."""
        if self._words is None:
            return ""
        self._words.seek(0)
        told = self._words.read()[-20_000:].decode("utf-8", "replace").strip()
        errors = _ERROR_LINE.findall(told)
        return str(errors[0] if errors else told.rpartition("\n")[2])[:300]

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                with contextlib.suppress(OSError):
                    stream.close()
        if self._words is not None:
            self._words.close()
        self._process = self._words = None
