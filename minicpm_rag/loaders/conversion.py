"""Has LibreOffice save old documents and presentations anew, where it is installed; our readers read what it wrote.

It runs without a window, with a profile folder of its own that ends with it: no macros, no links followed. What it
may take is what the reading process may take; `isolated` ends it together with that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import damaged
from minicpm_rag.loaders.files import bytes_of
from minicpm_rag.loaders.rich_text_numbers import with_numbers_as_shown
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile

_SECONDS = 300
_PLACES = (  # where its installer puts it on systems without a search path for it
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
    r"C:\Program Files\LibreOffice\program\soffice.exe",
)
# Its settings, by their paths: never run macros, never follow links, and a proxy that is nowhere for what would.
_SETTINGS = (
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("/org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("/org.openoffice.Office.Writer/Content/Update", "Link", "2"),
    ("/org.openoffice.Office.Calc/Content/Update", "Link", "2"),
    ("/org.openoffice.Inet/Settings", "ooInetProxyType", "2"),
    ("/org.openoffice.Inet/Settings", "ooInetHTTPProxyName", "127.0.0.1"),
    ("/org.openoffice.Inet/Settings", "ooInetHTTPProxyPort", "9"),
    ("/org.openoffice.Inet/Settings", "ooInetHTTPSProxyName", "127.0.0.1"),
    ("/org.openoffice.Inet/Settings", "ooInetHTTPSProxyPort", "9"),
    ("/org.openoffice.Inet/Settings", "ooInetNoProxy", ""),
)


def program() -> str | None:
    """The path of LibreOffice's program, None where it is not installed."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    return found or next((place for place in _PLACES if Path(place).is_file()), None)


def read_document(path: Path) -> LoadedFile:
    """Read a Word document of before 2007, or one of WPS Office."""
    from minicpm_rag.loaders import word

    return _read_as(path, "docx", word.read, Message("loaders.word_document"))


def read_presentation(path: Path) -> LoadedFile:
    """Read a PowerPoint presentation of before 2007, or one of WPS Office."""
    from minicpm_rag.loaders import slides

    return _read_as(path, "pptx", slides.read, Message("loaders.presentation"))


def read_rich_text(path: Path) -> LoadedFile:
    """Read a rich text file with its headings and tables."""
    from minicpm_rag.loaders import word

    return _read_as(path, "docx", word.read, Message("loaders.rich_text_file"), with_numbers_as_shown)


def _read_as(
    path: Path,
    ending: str,
    read: Callable[[Path], LoadedFile],
    what: Message,
    prepared: Callable[[bytes], bytes] = bytes,
) -> LoadedFile:
    soffice = program()
    if soffice is None:
        raise DocumentError("loaders.wants_libreoffice", what=what)
    with tempfile.TemporaryDirectory(prefix="minicpm-rag-") as name:
        folder = Path(name)
        source = folder / "file"
        source.write_bytes(prepared(bytes_of(path)))
        _convert(soffice, source, ending, folder)
        written = folder / f"file.{ending}"
        if not written.is_file():
            raise damaged(what)
        return replace(read(written), title=path.name)


def _convert(soffice: str, source: Path, ending: str, folder: Path) -> None:
    """Write `source` anew into the folder; where that fails, nothing is there. Raises DocumentError after too long."""
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_profile(), encoding="utf-8")
    command = [soffice, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--norestore", "--nologo"]
    command += ["--nolockcheck", "--convert-to", ending, "--outdir", str(folder), str(source)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "SAL_USE_VCLPLUGIN": "svp"},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        process.wait(timeout=_SECONDS)
    except subprocess.TimeoutExpired as exc:
        raise DocumentError("loaders.reader_overran") from exc
    finally:
        end_with_children(process.pid)
        process.wait()


def end_with_children(process: int) -> None:
    """Kill a process and all that it has started."""
    try:
        root = psutil.Process(process)
        for one in [root, *root.children(recursive=True)]:
            one.kill()
    except psutil.Error:  # it has ended
        return


def _profile() -> str:
    items = "".join(
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _SETTINGS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{items}</oor:items>'
    )
