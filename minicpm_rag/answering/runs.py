"""Reports the steps of an answer as LangChain runs, so that callbacks and `astream_events` see them by name.

The retriever and the model report their own; this is for what no LangChain object does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_callback_manager_for_config, patch_config


class Step:
    """A step under way: `config` makes runs inside it its children, `output` is told when it ends."""

    def __init__(self, config: RunnableConfig) -> None:
        self.config = config
        self.output: Any = None


@contextmanager
def step(config: RunnableConfig, name: str, given: Any) -> Iterator[Step]:
    """Report a step that begins here, and how it ends."""
    run = get_callback_manager_for_config(config).on_chain_start(None, given, name=name)
    under_way = Step(patch_config(config, callbacks=run.get_child()))
    try:
        yield under_way
    except BaseException as error:
        run.on_chain_error(error)
        raise
    run.on_chain_end(under_way.output)
