"""No text makes a pattern of `answering` slow out of proportion; see tests/test_linear.py."""

from __future__ import annotations

import pytest
from regular_expressions import slow_expressions


@pytest.mark.timeout(1800)  # processor time is measured, of which a loaded machine gives little
def test_no_regular_expression_is_quadratic() -> None:
    assert slow_expressions("answering") == {}
