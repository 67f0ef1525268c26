"""`distribution doctor` says what a start would say, before anybody starts."""

from __future__ import annotations

import shutil

from tests.journeys.houses import a_house, command

OPENS, DOES_NOT = "the vault's key is the one that sealed what it keeps", "what the vault keeps does not open"


async def test_a_restored_house_without_the_key_of_its_vault_is_not_well(tmp_path):
    backup, new = tmp_path / "house.backup", tmp_path / "new"
    async with a_house(tmp_path) as house:
        assert (await command("backup", backup, data_dir=house.data)).code == 0
        assert OPENS in await found("good", house.data)
    assert (await command("restore", backup, data_dir=new)).code == 0

    (said,) = [each for each in (await examined(new, code=1)) if each["mark"] == "bad"]
    refused = await command("up", data_dir=new, port=0, nats_port=0)
    assert said["what"].startswith(DOES_NOT)
    assert said["mend"] in refused.err
    assert "put it back from its own backup" in said["mend"]
    assert not (new / "vault.key").exists()

    (new / "vault.key").write_text("00" * 32)
    (new / "vault.key").chmod(0o600)
    (said,) = [each for each in (await examined(new, code=1)) if each["mark"] == "bad"]
    assert "is not the one that sealed" in said["mend"]
    shutil.copy2(house.data / "vault.key", new / "vault.key")
    assert OPENS in await found("good", new)


async def test_where_nothing_is_sealed_or_the_key_is_owned_to_be_lost_it_is_not_asked_for(tmp_path):
    assert not [each for each in await examined(tmp_path) if "vault" in each["what"]]
    assert (await command("migrate", data_dir=tmp_path)).code == 0
    assert not [each for each in await examined(tmp_path) if "vault" in each["what"]]
    assert not (tmp_path / "vault.key").exists()


async def examined(data, code: int = 0) -> list[dict[str, str]]:
    said = await command("doctor", "--output", "json", data_dir=data)
    assert said.code == code, said
    return said.json


async def found(mark: str, data) -> list[str]:
    return [each["what"] for each in await examined(data) if each["mark"] == mark]
