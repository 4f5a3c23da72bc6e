"""A browser without a browser: speaks the page's websocket and upload requests itself, well or ill formed."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE = 300.0  # seconds; two cores may be shared with the rest of the suite
Widgets = dict[str, tuple[str, Any]]  # id -> (the field of the state that holds its value, the value)
CLICKS = ("trigger_value", "string_trigger_value", "json_trigger_value", "chat")  # what a browser sends once


class Client:
    """One session of the page."""

    def __init__(self, address: str) -> None:
        self.address = address
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=PATIENCE) as health:
            cookies = [value.split(";")[0] for value in health.headers.get_all("set-cookie") or []]
        self.xsrf = next((one.partition("=")[2] for one in cookies if one.startswith("_streamlit_xsrf")), "")
        self.cookie = f"_streamlit_xsrf={self.xsrf}"
        self._stack = ExitStack()
        connecting = connect(
            f"{address.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=["streamlit", self.xsrf] if self.xsrf else ["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": self.cookie, "Origin": address},
            max_size=None,
            open_timeout=PATIENCE,
        )
        self.socket = self._stack.enter_context(connecting)
        self.session = self.script = ""
        self.address_names = ""  # the query string that the page has put into the address
        self.widgets: dict[str, str] = {}  # id -> kind of element, of the last run
        self.values: Widgets = {}  # of the widgets on the page, as far as they were set
        self.fragments: list[str] = []  # parts of the page that are drawn again by themselves
        self.shown: list[str] = []  # headings, HTML and Markdown of the last run

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, widgets: Widgets | None = None, *, address: str | None = None, back: bool = False) -> None:
        """Have the page run with those widget states, and wait until it has."""
        self.begin(widgets, address=address, back=back)
        self.wait()

    def begin(
        self,
        widgets: Widgets | None = None,
        *,
        fragment: str = "",
        script: str | None = None,
        address: str | None = None,
        back: bool = False,
    ) -> None:
        """Have the page run with those widget states, and with another query string if that is given.

        What was typed or chosen before is sent again each time, as a browser does: of two messages that are taken up
        together the server keeps the earlier one's clicks, and the later one's values.
        """
        sent = self.values | (widgets or {})
        self.values = {widget: value for widget, value in sent.items() if value[0] not in CLICKS}
        message = BackMsg()
        message.rerun_script.page_script_hash = self.script if script is None else script
        message.rerun_script.query_string = self.address_names if address is None else address
        message.rerun_script.is_history_navigation = back
        message.rerun_script.fragment_id = fragment
        for widget, (field, value) in sent.items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id = widget
            if field == "file":
                for urls, name, size in value:
                    info = state.file_uploader_state_value.uploaded_file_info.add()
                    info.file_id, info.name, info.size = urls.file_id, name, size
                    info.file_urls.CopyFrom(urls)
            elif field == "chat":
                state.chat_input_value.data = value
            elif field == "string_array_value":
                state.string_array_value.data.extend(value)
            else:
                setattr(state, field, value)
        self.send(message.SerializeToString())

    def wait(self) -> None:
        """Take what the server sends until the page rests.

        A run that ends because another one begins, as the page asks for itself when its workspace is open, is not its
        end: what is sent before the last one has ended would be answered with that one's end.
        """
        while True:
            message = self.receive()
            ended = self._take(message) == "script_finished"
            if ended and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def send(self, frame: bytes | str) -> None:
        """Send a frame, whatever it holds."""
        self.socket.send(frame)

    def receive(self, timeout: float = PATIENCE) -> ForwardMsg:
        frame = self.socket.recv(timeout=timeout)
        message = ForwardMsg()
        message.ParseFromString(frame if isinstance(frame, bytes) else frame.encode())
        return message

    def find(self, part: str) -> str:
        """The id of the widget last seen whose id holds those letters."""
        return next(widget for widget in reversed(self.widgets) if part in widget)

    def wait_for(self, part: str) -> str:
        """Run the page until such a widget is on it, as its browser does while the workspace opens."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.run()
            if any(part in widget for widget in self.widgets):
                return self.find(part)
            assert time.monotonic() < deadline, list(self.widgets)
            time.sleep(0.3)

    def click(self, part: str) -> None:
        self.run({self.find(part): ("trigger_value", True)})

    def upload_urls(self, names: Sequence[str]) -> list[Any]:
        """Where files of those names may be sent.

        Streamlit forgets the answer where a run begins just then; asked once more, as the page does too, it answers.
        """
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.session_id = self.session
        message.file_urls_request.file_names.extend(names)
        for _ in range(round(PATIENCE)):
            self.send(message.SerializeToString())
            with suppress(TimeoutError):
                while True:
                    answer = self.receive(timeout=1)
                    if self._take(answer) == "file_urls_response":
                        return list(answer.file_urls_response.file_urls)
        raise TimeoutError("the server does not say where files may be sent")

    def arrived(self) -> None:
        """Wait until the server has taken all that was sent: it answers this without a run, and in order."""
        self.upload_urls([])

    def put(self, url: str, name: str, data: bytes, *, xsrf: str | None = None, method: str = "PUT") -> int:
        """Send a file, and return the status."""
        boundary = uuid.uuid4().hex
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\nContent-Type: text/plain\r\n\r\n"
        body = head.encode(errors="surrogatepass") + data + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Cookie": self.cookie,
            "X-Xsrftoken": self.xsrf if xsrf is None else xsrf,
        }
        return status(urllib.request.Request(self.address + url, body, headers, method=method))

    def upload(self, part: str, files: Sequence[tuple[str, bytes]]) -> list[int]:
        """Drop files into the uploader whose id holds those letters."""
        urls = self.upload_urls([name for name, _ in files])
        sent = list(zip(urls, files, strict=True))
        statuses = [self.put(one.upload_url, name.replace('"', "%22"), data) for one, (name, data) in sent]
        self.run({self.find(part): ("file", [(one, name, len(data)) for one, (name, data) in sent])})
        return statuses

    def _take(self, message: ForwardMsg) -> str:
        kind = message.WhichOneof("type") or ""
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
            self.script = message.new_session.page_script_hash
            if not message.metadata.run.fragment_ids:
                self.widgets, self.shown, self.fragments = {}, [], []
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self.values = {widget: value for widget, value in self.values.items() if widget in self.widgets}
        elif kind == "auto_rerun":
            self.fragments.append(message.auto_rerun.fragment_id)
        elif kind == "page_info_changed":
            self.address_names = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            name = element.WhichOneof("type") or ""
            content = getattr(element, name)
            if getattr(content, "id", ""):
                self.widgets[content.id] = name
            if name in ("heading", "html", "markdown"):
                self.shown.append(content.body)
        return kind


def status(request: urllib.request.Request | str) -> int:
    """The status that a request ends with."""
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
