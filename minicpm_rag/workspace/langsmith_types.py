"""LangSmith's types, loaded when somebody asks for one.

LangChain imports LangSmith's client, which needs one small part of its types; the package of these imports them all,
160 modules of pydantic models, at each start of a command. Knows nothing else of LangSmith.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

NAME = "langsmith.types"


def load_when_asked() -> None:
    """Put a module in place of the package that loads it at the first name that is asked of it."""
    if NAME in sys.modules or importlib.util.find_spec("langsmith") is None:
        return
    spec = importlib.util.find_spec(NAME)
    if spec is None or spec.loader is None or spec.submodule_search_locations is None:  # of an older LangSmith
        return
    module = _Types(NAME)
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    module.__package__, module.__path__ = NAME, list(spec.submodule_search_locations)
    sys.modules[NAME] = module
    sys.modules["langsmith"].types = module  # type: ignore[attr-defined]  # as importing it would


class _Types(ModuleType):
    """Its parts can be imported one by one; any other name loads all."""

    def __getattr__(self, name: str) -> object:
        """A name that is not there yet."""
        spec = self.__spec__
        if name.startswith("__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is a module like any other
        spec.loader.exec_module(self)
        return getattr(self, name)
