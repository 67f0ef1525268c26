"""The published contract is generated from the facts, and says so when it is not (S45)."""

from __future__ import annotations

import shutil

from services import catalogue


def test_the_committed_contract_is_what_the_facts_say():
    assert catalogue.out_of_date() == []


def test_a_changed_a_missing_and_a_stray_file_are_each_named(tmp_path):
    shutil.copytree(catalogue.CONTRACT, tmp_path / "contract")
    changed = tmp_path / "contract" / "schemas" / "publisher.post_published.v1.json"
    changed.write_text(changed.read_text().replace("channel_post_id", "post_id"))
    (tmp_path / "contract" / "schemas" / "scheduler.post_due.v1.json").unlink()
    (tmp_path / "contract" / "schemas" / "scheduler.post_vanished.v1.json").write_text("{}")
    assert catalogue.out_of_date(tmp_path / "contract") == [
        "schemas/publisher.post_published.v1.json",
        "schemas/scheduler.post_due.v1.json",
        "schemas/scheduler.post_vanished.v1.json",
    ]
