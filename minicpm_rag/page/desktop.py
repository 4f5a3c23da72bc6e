"""An entry among the desktop's programs, as the freedesktop.org specification has it (Linux)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message, reason_of, text

ICON = Path(__file__).with_name("icon.png")
NAME = "minicpm-rag"
_KIND, _COMMENT = Message("system.desktop_kind"), Message("system.desktop_comment")
_RESERVED = " \t\n\"'\\><~|&;$*?#()`"


def install(*, window: bool) -> list[Path]:
    """Write the entry and its icon for this user; returns the files. With `window` it opens a window of its own.

    Raises RAGError on other systems, and where a file cannot be written.
    """
    if not sys.platform.startswith("linux"):
        raise RAGError("system.no_desktop_entries", platform=sys.platform)
    entry, icon = _files()
    try:
        for file in (entry, icon):
            file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ICON, icon)
        entry.write_text(_entry(window), encoding="utf-8")
    except OSError as error:
        raise RAGError("system.entry_not_written", path=entry, why=reason_of(error)) from error
    return [entry, icon]


def remove() -> list[Path]:
    """Delete what `install` wrote; returns the files that were there."""
    found = [file for file in _files() if file.is_file()]
    for file in found:
        file.unlink()
    return found


def _files() -> tuple[Path, Path]:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "applications" / f"{NAME}.desktop", data / "icons" / "hicolor" / "128x128" / "apps" / f"{NAME}.png"


def _entry(window: bool) -> str:
    command = [sys.executable, "-m", "minicpm_rag", "page", *(["--window"] if window else [])]
    lines = {
        "Type": "Application",
        "Name": "MiniCPM-RAG",
        "GenericName": text("en", _KIND),
        "GenericName[zh]": text("zh", _KIND),
        "Comment": text("en", _COMMENT),
        "Comment[zh]": text("zh", _COMMENT),
        "Exec": " ".join(map(_quoted, command)),
        "Icon": NAME,
        "Terminal": "false" if window else "true",
        "Categories": "Office;Utility;",
    }
    return "[Desktop Entry]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())


def _quoted(argument: str) -> str:
    """An argument of Exec: quoted where it has reserved characters; % begins a field code, and is doubled."""
    argument = argument.replace("%", "%%")
    if not any(character in _RESERVED for character in argument):
        return argument
    for character in '\\"`$':
        argument = argument.replace(character, f"\\{character}")
    return '"' + argument.replace("\\", "\\\\") + '"'
