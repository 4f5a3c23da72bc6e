"""Write constraints.txt: the version of every package that a fresh install of all extras brings.

Run it where CI runs (Linux, Python 3.11) with `make constraints`; it takes minutes. Local versions are cut off
("2.13.0+cpu" becomes "2.13.0"), so that the file accepts torch's CPU build as well as its CUDA build. NVIDIA's
packages are left out, because torch itself pins them. A package that has no release for an older Python in the
version found here is constrained only from the Python that it needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = "test,ocr,login"
LEFT_OUT = ("nvidia-", "minicpm-rag", "triton", "pip", "setuptools", "wheel")
OLDEST = (3, 10)

_LIST = """
import importlib.metadata, json
print(json.dumps([[d.metadata["Name"], d.version, d.metadata.get("Requires-Python") or ""]
                  for d in importlib.metadata.distributions()]))
"""


def main() -> None:
    """Install into a fresh environment and write what came."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "-q", f"{ROOT}[{EXTRAS}]"], check=True)
        listed = json.loads(subprocess.run([python, "-c", _LIST], check=True, capture_output=True, text=True).stdout)
    lines = {
        f"{name.lower().replace('_', '-')}=={version.partition('+')[0]}{_marker(needs)}"
        for name, version, needs in listed
        if not name.lower().startswith(LEFT_OUT)
    }
    head = f"# Written by `make constraints` on Python {sys.version_info[0]}.{sys.version_info[1]}; do not edit.\n"
    Path(ROOT, "constraints.txt").write_text(head + "\n".join(sorted(lines)) + "\n", encoding="utf-8")


def _marker(requires_python: str) -> str:
    """The marker for a release that does not run on the oldest Python we support."""
    for part in requires_python.split(","):
        operator, _, version = part.strip().partition("=")
        if operator == ">" and tuple(int(number) for number in version.split(".")[:2]) > OLDEST:
            return f' ; python_version >= "{".".join(version.split(".")[:2])}"'
    return ""


if __name__ == "__main__":
    main()
