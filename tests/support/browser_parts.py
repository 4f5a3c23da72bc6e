"""A real server of the page and a real Chromium, for the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from free_port import free_port

from minicpm_rag.page.streamlit_private import part

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request

REPOSITORY = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 240_000  # milliseconds; two cores may be shared with the rest of the suite


class Server:
    """`streamlit run streamlit_app.py` on a home of its own; may be stopped and started again.

    Another script is run in its own folder, so without the project's configuration.
    """

    def __init__(
        self,
        home: Path,
        *,
        script: Path = REPOSITORY / "streamlit_app.py",
        options: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self.home = home
        self.script = script
        self.options = options
        self.settings = {f"MINICPM_RAG_{name.upper()}": value for name, value in settings.items()}
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MINICPM_RAG_")}
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "streamlit",
                    "run",
                    self.script.name,
                    "--server.port",
                    str(self.port),
                    *self.options,
                ],
                cwd=self.script.parent,
                env=clean | {"PYTHONPATH": str(REPOSITORY)} | {"MINICPM_RAG_HOME": str(self.home)} | self.settings,
                stdout=log,
                stderr=log,
            )
        for _ in range(3000):
            if self._answers():
                return
            assert self.process.poll() is None, self.log()
            time.sleep(0.1)
        raise AssertionError(f"the server did not start: {self.log()}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=5):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(300)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def log(self) -> str:
        return (self.home.parent / "server.log").read_text(encoding="utf-8", errors="replace")


class Visitor:
    """One user's browser: its own cookies, and a list of every address it asked for."""

    def __init__(self, browser: Browser, server: Server, *, arrived: bool = True, **options: object) -> None:
        self.server = server
        self.requests: list[str] = []
        usual = {
            "locale": "zh-CN",
            "viewport": {"width": 1440, "height": 900},
            "color_scheme": "light",
            "reduced_motion": "reduce",  # without a GPU, what blinks is drawn by the processor
        }
        self.context: BrowserContext = browser.new_context(**(usual | options))  # type: ignore[arg-type]
        self.context.set_default_timeout(PATIENCE)
        self.context.on("request", self._note)
        self.page: Page = self.context.new_page()
        self.set_out()
        if arrived:
            self.arrive()

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)

    def open(self) -> None:
        self.set_out()
        self.arrive()

    def set_out(self) -> None:
        """Ask for the page, without waiting for it: several can be on their way at once."""
        self.page.goto(self.server.address, wait_until="commit")

    def arrive(self) -> None:
        """Wait for the page."""
        self.page.wait_for_selector(".rag-brand")

    def close(self) -> None:
        self.context.close()

    def click(self, selector: str) -> None:
        """Click what is visible: Streamlit draws a button that has a tooltip twice."""
        self.page.locator(f"{selector} >> visible=true").last.click()

    def go(self, view: str) -> None:
        self.click(f".st-key-go-{view} button")

    def drop(self, files: list[Path]) -> None:
        """Drop files on the library."""
        self.go("library")
        self.page.locator(part("dropzone input")).set_input_files(files)

    def upload(self, files: list[Path]) -> str:
        """Drop files on the library and wait for their verdicts; returns the tables' text."""
        self.drop(files)
        # By name: what was drawn before, of another knowledge base perhaps, stands there until it is replaced.
        table = self.page.locator(".rag-table", has_text=files[0].name)
        job = self.page.locator('[class*="st-key-job-"]', has=table).last
        job.wait_for(timeout=3 * PATIENCE)  # embedding is the slowest thing there is
        job.locator("details").evaluate_all("folded => folded.forEach(one => one.open = true)")
        return "\n".join(job.locator(".rag-table").all_inner_texts())

    def rest(self) -> None:
        """Wait until the page is drawn, and nothing on it moves or fades any more."""
        self.page.locator(f'{part("app")}[data-test-script-state="notRunning"]').wait_for()
        self.page.wait_for_function(
            "() => document.getAnimations().every(one =>"
            " one.playState !== 'running' || one.effect.getComputedTiming().iterations === Infinity)"
        )

    def submit(self, question: str) -> None:
        from playwright.sync_api import expect

        shown = self.page.locator(".rag-question").count()
        box = self.page.locator(part("question"))
        box.fill(question)
        expect(box).to_have_value(question)
        box.press("Enter")
        self.page.wait_for_function("n => document.querySelectorAll('.rag-question').length > n", arg=shown)

    def wait_for_answer(self) -> str:
        """Wait until the last question is answered; returns the text of that answer."""
        self.page.wait_for_function(
            "() => !document.querySelector('.st-key-stop')"
            " && document.querySelector('[class*=\"st-key-tools-\"]')"
            " && document.querySelectorAll('[class*=\"st-key-tools-\"]').length"
            " === document.querySelectorAll('.rag-question').length"
        )
        # Told at once: a test would wait for its marks in vain.
        failed = self.page.locator(".rag-notice.bad").all_inner_texts()
        assert not failed, f"{failed}\n{self.server.log()[-3000:]}"
        return self.page.locator(".rag-answer, .rag-notice").last.inner_text()

    def ask(self, question: str) -> str:
        self.submit(question)
        return self.wait_for_answer()

    def strangers(self) -> list[str]:
        """The addresses asked for that are not the server's."""
        own = (self.server.address, self.server.address.replace("http", "ws"))
        return [address for address in self.requests if not address.startswith(own)]


@contextmanager
def one_user(browser: Browser, home: Path, files: Sequence[str]) -> Iterator[Visitor]:
    """A user with some of the sample documents, on a server of their own."""
    server = Server(home)
    server.start()
    opened = Visitor(browser, server)
    opened.page.wait_for_selector(".st-key-add-documents")
    opened.upload([REPOSITORY / "knowledge" / name for name in files])
    yield opened
    opened.close()
    server.stop()


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
