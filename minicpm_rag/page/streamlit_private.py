"""What the page takes from Streamlit beyond its documented interface; no other file of the page does.

tests/page/test_streamlit_private.py compares it with the installed version, and says what changed and what suffers.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import config, net_util, runtime
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunnerEvent
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.uploaded_file_manager import UploadedFile
from streamlit.watcher import polling_path_watcher

__all__ = ["UploadedFile"]  # what an uploader gives

# Part of Streamlit's page -> its data-testid. html/streamlit.css uses them as well.
TEST_IDS = {
    "app": "stApp",
    "header": "stHeader",
    "main": "stMain",
    "main block": "stMainBlockContainer",
    "bottom": "stBottom",
    "bottom block": "stBottomBlockContainer",
    "sidebar": "stSidebar",
    "sidebar header": "stSidebarHeader",
    "sidebar content": "stSidebarUserContent",
    "sidebar frame": "stSidebarContent",
    "block": "stVerticalBlock",
    "close sidebar": "stSidebarCollapseButton",
    "open sidebar": "stExpandSidebarButton",
    "layout": "stLayoutWrapper",
    "column": "stColumn",
    "popover": "stPopover",
    "popover button": "stPopoverButton",
    "icon": "stIconMaterial",
    "html": "stHtml",
    "primary button": "stBaseButton-primary",
    "progress": "stProgress",
    "question": "stChatInputTextArea",
    "uploader": "stFileUploader",
    "dropzone": "stFileUploaderDropzone",
    "dropzone words": "stFileUploaderDropzoneInstructions",
    "dropzone input": "stFileUploaderDropzoneInput",
    "file": "stFileChip",
    "file name": "stFileChipName",
    "file on its way": "stFileChipIconSpinner",
}
# What those parts say -> its key in the page's texts. Where a version says something new, that is in English.
WORDS = {
    "Connection error": "disconnected",
    "Streamlit server is not responding. Are you connected to the internet?": "no_answer",
    "Is Streamlit still running? If you accidentally stopped Streamlit, just restart it in your terminal:": (
        "no_answer"
    ),
    "streamlit run yourscript.py": "command",
    "Press Enter to apply": "enter",
    "Press Enter to submit form": "enter",
    "Upload or drag and drop files": "attach",
    "Upload files": "attach",
    "Drag and drop files here": "drop",
    "No results": "no_results",
    "Skip to main content": "skip",
    "Sidebar": "sidebar",
    "Collapse sidebar": "close_sidebar",
    "Expand sidebar": "open_sidebar",
    "Send message": "send",
    "Pagination": "pages",
    "Previous page": "page_before",
    "Next page": "page_after",
}
STYLE = Path(__file__).with_name("html") / "streamlit.css"

# Between two looks at the files of settings and secrets: five a second took a quarter of a percent of a core. The
# server's end waits as long.
FILES_LOOKED_AT_SECONDS = 1.0

_begin_run = SafeSessionState.on_script_will_rerun
_join = script_requests._coalesce_widget_states
_hear = AppSession._handle_scriptrunner_event_on_event_loop

_HEARD = "_minicpm_rag_heard"  # of a session: what runs its script, as far as its messages have come

# More elements than any view has below where an answer is drawn.
LEFT_OVER_ELEMENTS = 40

DAY_SECONDS = 24 * 3600


def part(name: str) -> str:
    """The CSS selector of a part of Streamlit's page."""
    return f'[data-testid="{TEST_IDS[name]}"]'


def style(*, drop: str, choose: str) -> str:
    """The style sheet for Streamlit's own parts.

    Its uploader speaks English only (streamlit#1353), so its words are covered: `drop` invites to drop files,
    `choose` names its button.
    """
    return STYLE.read_text(encoding="utf-8").replace("{{drop}}", drop).replace("{{choose}}", choose)


def clear_left_over() -> None:
    """Clear what an earlier run of the page drew after what is drawn now.

    Streamlit does that when a run ends, which for a run that shows a growing answer is much later.
    """
    for _ in range(LEFT_OVER_ELEMENTS):
        st.empty()


def run_when_reconnected() -> None:
    """Have the browser ask for a run as soon as its connection is back.

    Streamlit asks for one only where something on the page is drawn again by itself. A server that was started anew,
    or has forgotten a session that was away for two minutes, knows no widget before a run: whatever was clicked or
    asked first would be lost.
    """
    _nothing()


@st.fragment(run_every=DAY_SECONDS)
def _nothing() -> None:
    pass


def take_uploads_of(megabytes: int) -> None:
    """Let the server take files as large as the uploader offers; its own limit is a start-up option otherwise."""
    if config.get_option("server.maxUploadSize") != megabytes:
        config.set_option("server.maxUploadSize", megabytes)


def let_callbacks_end() -> None:
    """Have what a click asks for done to its end and in its order, whatever is clicked next.

    Streamlit ends a run for the next one wherever it touches the session's state, before and in a callback too: a file
    that was dropped would be kept and never read, a click forgotten. And where two clicks are taken up at once, it
    would do what the later one asks for first. With `runner.fastReruns` it would forget the earlier one. Of two
    questions it would forget the earlier one all the same: they become one, of two lines.
    """
    SafeSessionState.on_script_will_rerun = _to_its_end  # type: ignore[method-assign]
    script_requests._coalesce_widget_states = _in_their_order  # type: ignore[assignment]


def _to_its_end(self: SafeSessionState, *states: Any, **more: Any) -> None:
    end_for_the_next_run = self._yield_callback
    object.__setattr__(self, "_yield_callback", lambda: None)  # setattr would set a value of the session
    try:
        _begin_run(self, *states, **more)
    finally:
        object.__setattr__(self, "_yield_callback", end_for_the_next_run)


def _in_their_order(earlier: WidgetStates | None, later: WidgetStates | None) -> WidgetStates | None:
    joined = _join(earlier, later)
    if joined is None or earlier is None or later is None:
        return joined
    last = {state.id for state in later.widgets}
    asked = {state.id: state.chat_input_value for state in earlier.widgets if _holds_question(state)}
    for state in joined.widgets:
        if state.id in asked and state.id in last and _holds_question(state):
            before, value = asked[state.id], state.chat_input_value
            value.data = f"{before.data}\n{value.data}"
            files = value.file_uploader_state.uploaded_file_info
            files.MergeFrom(before.file_uploader_state.uploaded_file_info)
    return WidgetStates(widgets=sorted(joined.widgets, key=lambda state: state.id in last))


def _holds_question(state: WidgetState) -> bool:
    return state.HasField("chat_input_value") and bool(state.chat_input_value.data)


def show_what_is_drawn() -> None:
    """Have everything sent that a run has drawn, though the next one is asked for just as it ends.

    Streamlit forgets what it has not sent yet when a run is asked for of a session whose last run has ended. Where that
    was a part of the page that draws itself again, nothing else was drawn anew, and the click before seemed lost.
    """
    AppSession._handle_scriptrunner_event_on_event_loop = _hear_to_its_end  # type: ignore[assignment, method-assign]


def _hear_to_its_end(self: AppSession, sender: ScriptRunner | None, event: ScriptRunnerEvent, *more: Any) -> None:
    if event is ScriptRunnerEvent.SCRIPT_STARTED:
        setattr(self, _HEARD, sender)
    current = self._scriptrunner
    ends_late = current is not None and sender is not None and sender is not current
    if not ends_late or event is ScriptRunnerEvent.SHUTDOWN or getattr(self, _HEARD, None) is not sender:
        _hear(self, sender, event, *more)
        return
    self._scriptrunner = sender
    try:
        _hear(self, sender, event, *more)
    finally:
        self._scriptrunner = current


def went_through_history() -> bool:
    """Whether the page runs because its user went back or forward in the browser."""
    context = get_script_run_ctx(suppress_warning=True)
    return context is not None and context.is_history_navigation


def is_served() -> bool:
    """Whether the page runs in a server, and not in a test or a plain Python process."""
    return bool(runtime.exists())


def open_address() -> str | None:
    """The address that the server listens on, where other machines may reach it ("*" for all); None for this one's."""
    address = str(config.get_option("server.address") or "*")
    return None if address == "localhost" or address == "::1" or address.startswith("127.") else address


def look_up_no_address() -> None:
    """Keep Streamlit from asking an outside service for this machine's external address.

    It does so for every Origin that it does not know, and for the line it prints at the start.
    """
    net_util.get_external_ip = lambda: None


def look_at_files_seldom() -> None:
    """Look less often whether the files of settings and secrets have changed."""
    polling_path_watcher._POLLING_PERIOD_SECS = FILES_LOOKED_AT_SECONDS  # type: ignore[misc]


def has_secrets() -> bool:
    """Whether there are secrets from any source; asking them without any raises an error."""
    return bool(st.secrets.load_if_toml_exists())


def login_cookie_is_valid(cookies: str) -> bool:
    """Whether the login cookie is among a request's cookies, with a valid signature."""
    from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

    try:
        morsel = SimpleCookie(cookies).get(AUTH_COOKIE_NAME)
    except CookieError:
        return False
    if morsel is None:
        return False
    value = morsel.value.encode("latin-1", errors="replace")
    return decode_signed_value(get_cookie_secret(), AUTH_COOKIE_NAME, value) is not None
