"""A canary for Streamlit: what the page takes from it beyond its documented interface is still there.

The browser tests show that these parts also do what the page expects of them.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import streamlit as st

from minicpm_rag.page import streamlit_private
from minicpm_rag.page.streamlit_private import TEST_IDS

PAGE = Path(streamlit_private.__file__).parent


@cache
def scripts_of_streamlit() -> str:
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    return "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.js"))


@pytest.mark.parametrize("part", TEST_IDS)
def test_streamlit_still_has_the_part(part: str) -> None:
    name, _, kind = TEST_IDS[part].partition("-")  # "stBaseButton-" is written where the kind is put in
    written = rf'["`]{name}{"-" if kind else ""}'
    assert re.search(written, scripts_of_streamlit()), (
        f"Streamlit {st.__version__} has no {TEST_IDS[part]} any more: find its new name, and see what "
        f"{', '.join(users_of(part))} does with it"
    )


@pytest.mark.parametrize("words", streamlit_private.WORDS)
def test_streamlit_still_says_the_words_that_are_put_into_others(words: str) -> None:
    begun = words.removesuffix(" apply").removesuffix(" submit form").removesuffix(" files").removesuffix(" files here")
    assert begun in scripts_of_streamlit(), f"Streamlit {st.__version__} says something else: find out what"


def users_of(part: str) -> list[str]:
    """The files of the page that use a part."""
    written = (f'"{TEST_IDS[part]}"', f".{TEST_IDS[part]}:", f"parts.{part}", f'parts["{part}"]', f'part("{part}")')
    files = [*PAGE.rglob("*.css"), *PAGE.rglob("*.js"), *Path(__file__).parents[1].rglob("*.py")]
    return [file.name for file in files if any(name in file.read_text(encoding="utf-8") for name in written)]


@pytest.mark.parametrize("part", TEST_IDS)
def test_each_part_is_used(part: str) -> None:
    assert users_of(part)


def test_no_other_file_of_the_page_knows_streamlits_parts_or_modules() -> None:
    for file in [*PAGE.rglob("*.py"), *PAGE.rglob("*.js"), *PAGE.rglob("*.css")]:
        text = file.read_text(encoding="utf-8")
        if file.name not in ("streamlit_private.py", "streamlit.css"):
            assert "data-testid" not in text and not any(f'"{name}"' in text for name in TEST_IDS.values()), file
        if file.name != "streamlit_private.py":
            private = re.findall(
                r"^\s*from streamlit(?!\.(?:components\.v2|errors|testing\.v1) import)[. ].*$", text, re.MULTILINE
            )
            assert not [line for line in private if "delta_generator" not in line], file


def test_the_style_sheet_uses_listed_parts_only() -> None:
    used = set(re.findall(r'data-testid="([^"]+)"', streamlit_private.STYLE.read_text(encoding="utf-8")))
    assert used <= set(TEST_IDS.values())


def test_the_server_takes_files_as_large_as_the_page_says() -> None:
    from streamlit import config

    before = config.get_option("server.maxUploadSize")
    try:
        streamlit_private.take_uploads_of(512)
        assert config.get_option("server.maxUploadSize") == 512
    finally:
        config.set_option("server.maxUploadSize", before)


def test_streamlit_asks_for_its_external_address_by_the_function_that_is_replaced() -> None:
    from streamlit import net_util
    from streamlit.web import bootstrap, server

    assert callable(net_util.get_external_ip)
    callers = inspect.getsource(bootstrap) + inspect.getsource(server.server_util)
    assert "net_util.get_external_ip()" in callers


def test_the_login_cookie_is_read_as_streamlit_writes_it() -> None:
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    value = create_signed_value(get_cookie_secret(), "_streamlit_user", "{}").decode()
    assert streamlit_private.login_cookie_is_valid(f"_streamlit_user={value}")
    assert not streamlit_private.login_cookie_is_valid(f"_streamlit_user={value[:-3]}abc")
    assert not streamlit_private.login_cookie_is_valid("")


def test_streamlit_looks_at_its_files_in_the_pauses_that_are_lengthened(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.watcher import polling_path_watcher

    monkeypatch.setattr(polling_path_watcher, "_POLLING_PERIOD_SECS", 0.2)  # fails where the name is gone
    streamlit_private.look_at_files_seldom()
    assert streamlit_private.FILES_LOOKED_AT_SECONDS == polling_path_watcher._POLLING_PERIOD_SECS
    assert "time.sleep(_POLLING_PERIOD_SECS)" in inspect.getsource(polling_path_watcher)


def test_streamlit_begins_runs_and_joins_requests_by_the_functions_that_are_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from streamlit.proto.WidgetStates_pb2 import WidgetStates
    from streamlit.runtime.scriptrunner_utils import script_requests
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
    from streamlit.runtime.state import SessionState
    from streamlit.runtime.state.safe_session_state import SafeSessionState

    monkeypatch.setattr(SafeSessionState, "on_script_will_rerun", SafeSessionState.on_script_will_rerun)
    monkeypatch.setattr(script_requests, "_coalesce_widget_states", script_requests._coalesce_widget_states)
    streamlit_private.let_callbacks_end()

    ended = RuntimeError("for the next run")

    def end() -> None:
        raise ended

    state = SafeSessionState(SessionState(), end)
    state.on_script_will_rerun(WidgetStates())
    with pytest.raises(RuntimeError, match="for the next run"):
        "view" in state  # noqa: B015

    requests = ScriptRequests()
    for name in ("earlier", "later", "last"):
        clicked = WidgetStates()
        clicked.widgets.add(id=name, trigger_value=True)
        requests.request_rerun(RerunData(widget_states=clicked))
    request = requests.on_scriptrunner_yield()
    assert request is not None and request.rerun_data.widget_states is not None
    assert [one.id for one in request.rerun_data.widget_states.widgets] == ["earlier", "later", "last"]

    for words, file in (("How many?", "a.pdf"), ("多少天？", "b.pdf"), (None, None)):
        asked = WidgetStates()
        if words and file:
            value = asked.widgets.add(id="question").chat_input_value
            value.data = words
            value.file_uploader_state.uploaded_file_info.add(name=file)
        requests.request_rerun(RerunData(widget_states=asked))
    request = requests.on_scriptrunner_yield()
    assert request is not None and request.rerun_data.widget_states is not None
    both = request.rerun_data.widget_states.widgets[0].chat_input_value
    assert both.data == "How many?\n多少天？"
    assert {one.name for one in both.file_uploader_state.uploaded_file_info} == {"a.pdf", "b.pdf"}


def test_streamlit_hears_of_what_a_run_has_drawn_by_the_function_that_is_replaced() -> None:
    from streamlit.runtime.app_session import AppSession

    assert "self._handle_scriptrunner_event_on_event_loop(" in inspect.getsource(AppSession._on_scriptrunner_event)
    heard = inspect.getsource(streamlit_private._hear)
    assert "if sender is not self._scriptrunner:" in heard and "self._scriptrunner = None" in heard
