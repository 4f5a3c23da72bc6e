"""A small HTTP server on loopback that speaks the model hub's endpoints, and misbehaves on request.

`repo/files` lists a repository with sizes and checksums, `repo` hands out one file, with ranges.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlparse

from web_server import Handler, served


class Hub:
    """Repositories as {id: {file name: bytes}}, what went over the wire, and the faults to show."""

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.requests: list[tuple[str, str, str]] = []  # path, file, Range header
        self.user_agents: list[str] = []
        self.drop_after: dict[str, list[int]] = {}  # file -> bytes after which each coming answer breaks off
        self.corrupt_once: set[str] = set()
        self.hold: dict[str, threading.Event] = {}  # file -> half of it is sent before the event is set
        self.half_sent = threading.Event()
        self.silent = False
        self.released = threading.Event()
        self.address = ""

    def fetched(self, name: str) -> list[str]:
        """The Range headers of the requests for one file."""
        return [range_header for _, file, range_header in self.requests if file == name]


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Run the server for the time of a `with` block."""

    class HubHandler(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 (http.server asks for that name)
            if hub.silent:
                hub.released.wait(300)
                return
            url = urlparse(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            name = query.get("FilePath", "")
            hub.requests.append((url.path, name, self.headers.get("Range", "")))
            hub.user_agents.append(self.headers.get("User-Agent", ""))
            found = re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo(/files)?", url.path)
            files = hub.repositories.get(found.group(1)) if found else None
            if files is None or query.get("Revision") != "master":
                self.send_json(404, {"Code": 10010205001, "Message": "not found", "Success": False})
            elif found and found.group(2):
                entries = [
                    {
                        "Name": path.rsplit("/")[-1],
                        "Path": path,
                        "Type": "blob",
                        "Size": len(content),
                        "Sha256": hashlib.sha256(content).hexdigest(),
                    }
                    for path, content in files.items()
                ]
                self.send_json(200, {"Code": 200, "Data": {"Files": entries}, "Success": True})
            else:
                self._file(name, files[name])

        def _file(self, name: str, content: bytes) -> None:
            total = len(content)
            if name in hub.corrupt_once:
                hub.corrupt_once.discard(name)
                content = bytes(total)
            start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or ["", "0"])[1])
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            body = content[start:]
            if name in hub.hold:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                hub.half_sent.set()
                hub.hold[name].wait(300)
                body = body[len(body) // 2 :]
            breaks = hub.drop_after.get(name)
            if breaks:
                self.wfile.write(body[: breaks.pop(0)])
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.wfile.write(body)

    with served(HubHandler) as hub.address:
        try:
            yield hub
        finally:
            hub.released.set()
            for event in hub.hold.values():
                event.set()
