"""The guide names every setting with its range's ends, in both languages."""

from pathlib import Path

import pytest

from ml.settings import FIELDS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["training.md", "training.zh.md"])
def test_the_guide_explains_every_setting_and_no_other(name: str) -> None:
    rows = [
        line for line in (DOCS / name).read_text("utf-8").splitlines() if line.startswith("| `")
    ]

    assert sorted(row.split("`")[1] for row in rows) == sorted(field.name for field in FIELDS)
