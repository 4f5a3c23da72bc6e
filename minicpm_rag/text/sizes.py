"""Sizes as a user reads them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def file_size(count: int) -> str:
    """A number of bytes in decimal units, as file managers show it: "812 B", "3.4 MB", "12 GB"."""
    size = float(count)
    for unit in _UNITS:
        if abs(size) < 999.5 or unit == _UNITS[-1]:  # 999.6 would be shown as 1000
            break
        size /= 1000
    return f"{size:.1f} {unit}" if unit != "B" and abs(size) < 9.95 else f"{size:.0f} {unit}"
