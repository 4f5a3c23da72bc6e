from __future__ import annotations

import pytest

from minicpm_rag.text.sizes import file_size


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (1_000, "1.0 kB"),
        (38_400, "38 kB"),
        (999_600, "1.0 MB"),
        (3_440_000, "3.4 MB"),
        (9_960_000, "10 MB"),
        (250_000_000, "250 MB"),
        (1_000_000_000, "1.0 GB"),
        (12_000_000_000, "12 GB"),
        (3_000_000_000_000_000, "3000 TB"),
    ],
)
def test_sizes_are_in_decimal_units_with_two_or_three_digits(count: int, shown: str) -> None:
    assert file_size(count) == shown
