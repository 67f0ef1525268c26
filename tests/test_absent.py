"""What a machine lacks is named at the end, and never taken for run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
A_TEST = """
from tests.absent import needs

def test_a_far_side():
    needs("a printing press", {missing})
"""


def run(folder: Path, missing: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text("from tests.absent import not_run_here as pytest_terminal_summary\n")
    (folder / "test_press.py").write_text(A_TEST.format(missing=missing))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)]
    clean = {name: value for name, value in os.environ.items() if name != "ALL"}
    return subprocess.run(command, capture_output=True, text=True, cwd=HOUSE, env={**clean, **environment}, timeout=60)


def test_a_part_that_is_absent_is_named_and_harms_nothing(tmp_path):
    done = run(tmp_path, ["press", "ink"])
    assert done.returncode == 0
    assert "not run here" in done.stdout
    assert "a printing press: install press ink" in done.stdout


def test_with_all_a_part_that_is_absent_is_red(tmp_path):
    done = run(tmp_path, ["press"], ALL="1")
    assert done.returncode == 1
    assert "a printing press is absent: install press" in done.stdout


def test_a_part_that_is_there_runs(tmp_path):
    done = run(tmp_path, [], ALL="1")
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert "not run here" not in done.stdout
