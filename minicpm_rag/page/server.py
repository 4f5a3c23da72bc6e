"""The web server of the page, and who may talk to it: known hosts, the page's own scripts, users who logged in.

Streamlit answers every Host and, with a login set up, takes uploads from anybody. So each request passes `Gate`
first: an evil page that points its own name at 127.0.0.1 (DNS rebinding) has the wrong Host, a script of another
site the wrong Origin, an upload before login no valid cookie. Knows nothing of what the page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag import gate, logs
from minicpm_rag.gate import LOCAL_HOSTS
from minicpm_rag.messages import Message
from minicpm_rag.page import door, streamlit_private
from minicpm_rag.page.door import read_toml

if TYPE_CHECKING:
    from starlette.middleware import Middleware

    from minicpm_rag.gate import Scope

SCRIPT = Path(__file__).parent / "entry" / "script.py"  # alone there: page/html would hide the standard html
CONFIGURATION = Path(__file__).with_name("streamlit.toml")
# Paths that carry users' files; the rest of the page shows a login by itself.
_FILE_PATHS = ("/_stcore/upload_file", "/media")


def middleware() -> list[Middleware]:
    """What `streamlit.App` must be given so that the page is guarded."""
    from starlette.middleware import Middleware

    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import prepare_environment

    prepare_environment()
    streamlit_private.look_up_no_address()
    streamlit_private.look_at_files_seldom()
    streamlit_private.let_callbacks_end()
    streamlit_private.show_what_is_drawn()
    Gate.is_in_place = True
    settings = load_settings()
    if settings.log_format == "json":
        logs.write_json()
    return [Middleware(Gate, hosts=LOCAL_HOSTS | set(settings.hosts))]


def run(**options: Any) -> None:
    """Serve the page until stopped, with the project's own configuration of Streamlit wherever it is started.

    `options` are options of Streamlit that go before it, with "_" for ".": `server_port=8600`.
    """
    import streamlit as st

    app = st.App(SCRIPT, middleware=middleware())
    app.run(config=configuration() | {name.replace("_", ".", 1): value for name, value in options.items()})


def configuration() -> dict[str, Any]:
    """The project's configuration of Streamlit: option -> value."""
    return dict(_flat(read_toml(CONFIGURATION), ""))


def _flat(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


class Gate(gate.Gate):
    """The walls of every server of ours, and files only for users who logged in."""

    is_in_place = False  # whether this process serves the page behind a gate

    def refusal(self, scope: Scope, headers: Mapping[str, str]) -> Message | None:
        """Why the request is refused; None where it may pass."""
        refused = super().refusal(scope, headers)
        if refused is None and scope["type"] == "http" and _carries_files(scope):
            return None if door.admits(headers.get("cookie", "")) else Message("door.no_login")
        return refused


def _carries_files(scope: Scope) -> bool:
    return scope["method"] != "OPTIONS" and any(path in scope["path"] for path in _FILE_PATHS)
