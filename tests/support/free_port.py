"""A port for a server that a test starts in another process."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A port that nobody listens on, from below those that systems give to outgoing connections.

    One of theirs could be given away between this and the server's start, by a test beside this one.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
