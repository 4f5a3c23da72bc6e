"""LangSmith's client, imported without LangSmith's types; to be imported before LangChain, which imports it.

It needs one of the types; their package imports 160 modules of pydantic models, a quarter of what LangChain takes to
import. Who wants the types later imports them as ever. Knows nothing else of LangSmith.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import suppress

CLIENT, TYPES = "langsmith.run_trees", "langsmith.types"


def _import_alone() -> None:
    """Import the client while a package that was not run, whose parts can be imported, stands for that of the types."""
    if CLIENT in sys.modules or TYPES in sys.modules or importlib.util.find_spec("langsmith") is None:
        return
    found = importlib.util.find_spec(TYPES)
    if found is None or found.submodule_search_locations is None:  # an older LangSmith
        return
    sys.modules[TYPES] = importlib.util.module_from_spec(found)
    try:
        with suppress(ImportError):  # another LangSmith wants more of them; LangChain will import it, and them
            importlib.import_module(CLIENT)
    finally:
        del sys.modules[TYPES]


_import_alone()  # Python has one thread at a time import this module
