"""What the documents say can be followed: every file and every test they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`((?:tests|services|events|deploy)/[\w./-]+?)(?:::(\w+))?`")
DOCUMENTS = ("README.md", "PROMISES.md", "SPEC.md", "CHANGELOG.md")


def broken_references(text: str, root: Path = HOUSE) -> list[str]:
    broken = []
    for place, test in NAMED.findall(text):
        path = root / place
        if not path.exists():
            broken.append(f"{place} is not there")
        elif test and f"def {test}(" not in path.read_text():
            broken.append(f"{place} has no {test}")
    return broken


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_there(document):
    assert broken_references((HOUSE / document).read_text()) == []


def test_a_name_that_leads_nowhere_is_seen():
    said = "`tests/test_documents.py::test_of_nothing`, `tests/nowhere.py` and `tests/test_documents.py`"
    assert broken_references(said) == [
        "tests/test_documents.py has no test_of_nothing",
        "tests/nowhere.py is not there",
    ]


def test_every_make_target_the_readme_names_exists():
    targets = set(re.findall(r"^([a-z]+):", (HOUSE / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (HOUSE / "README.md").read_text()))
    assert named - targets - {"are"} == set()
