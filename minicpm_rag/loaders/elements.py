"""Walks the elements of an XML part. Knows no format: what may be entered is said by the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def inside(element: Any, tag: str, is_entered: Callable[[str], bool]) -> Iterator[Any]:
    """Yield what is inside with that tag; of other elements, those are entered whose tag `is_entered` accepts."""
    stack = [iter(element)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag == tag:
            yield child
        elif isinstance(child.tag, str) and is_entered(child.tag):  # a comment's tag is a function
            stack.append(iter(child))
