"""The vault: what is sealed opens only as what it was sealed as, and a secret shows itself nowhere (I31, I32)."""

from __future__ import annotations

import copy
import itertools
import json
import logging
import pickle
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest

from services.chassis.rows import VAULT, Pick, Put
from services.chassis.store import Append
from services.chassis.vault import DOTS, KeyFileWrong, Opened, SealBroken, Secret, Vault, opened_vault, vault_key

KEY, OTHER_KEY = bytes(32), b"k" * 32
TOKEN = "the-token-of-acme"
BODY = {"secret": {"access_token": TOKEN}, "member": "urn:li:organization:7"}


@pytest.fixture
def wall():
    return SimpleNamespace(now=lambda: datetime(2026, 11, 24, 9, tzinfo=UTC))


@pytest.fixture
def vault(store):
    return Vault(store, KEY)


async def kept(store, *puts):
    await store.append(Append(rows=puts))


async def rows(store):
    return await store.pick(Pick(VAULT))


async def test_what_is_sealed_opens_again(store, vault):
    await kept(store, vault.seal("acme.linkedin", "linkedin", 1, BODY))
    opened = await vault.open("acme.linkedin", "linkedin")
    assert (opened.version, opened.body) == (1, BODY)


async def test_the_newest_version_is_the_one_that_opens(store, vault):
    await kept(store, *(vault.seal("acme.x", "x", version, {"secret": version}) for version in (9, 10, 2)))
    assert (await vault.open("acme.x", "x")).body == {"secret": 10}


async def test_nothing_kept_is_nothing_opened(vault):
    assert await vault.open("acme.x", "x") is None


async def test_no_row_shows_what_it_holds(store, vault):
    await kept(store, vault.seal("acme.linkedin", "linkedin", 1, BODY))
    assert TOKEN.encode() not in (await rows(store))[0]["ciphertext"]


async def test_the_same_secret_sealed_twice_looks_different(vault):
    first, second = (vault.seal("acme.x", "x", 1, BODY).row["ciphertext"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    "moved",
    [
        {"connection": "globex.linkedin"},
        {"connection": "acme.linkedin.team"},
        {"connection": "acme.x"},
        {"purpose": "consent"},
        {"version": 2},
    ],
    ids=lambda moved: next(iter(moved)),
)
async def test_a_row_moved_elsewhere_does_not_open(store, vault, moved):
    """I32: to another tenant, connection, channel, purpose or version."""
    row = {**vault.seal("acme.linkedin", "linkedin", 1, BODY).row, **moved}
    await kept(store, Put(VAULT, row))
    connection = str(row["connection"])
    with pytest.raises(SealBroken, match="was moved or changed"):
        await vault.open(connection, connection.split(".")[1], str(row["purpose"]))


async def test_a_row_asked_for_as_another_channels_does_not_open(store, vault):
    await kept(store, vault.seal("acme.linkedin", "linkedin", 1, BODY))
    with pytest.raises(SealBroken):
        await vault.open("acme.linkedin", "x")


async def test_a_ciphertext_under_the_wrapping_of_another_row_does_not_open(store, vault):
    """The data key and what it seals are bound to the same owner, each by itself."""
    one, two = (vault.seal(name, "x", 1, BODY).row for name in ("acme.x", "globex.x"))
    mixed = {**one, "ciphertext": bytes(two["ciphertext"])[:68] + bytes(one["ciphertext"])[68:]}
    await kept(store, Put(VAULT, mixed))
    with pytest.raises(SealBroken):
        await vault.open("acme.x", "x")


async def test_no_bit_may_change(store, vault):
    whole = bytes(vault.seal("acme.x", "x", 1, {"a": 1}).row["ciphertext"])
    for place in range(len(whole)):
        bent = bytearray(whole)
        bent[place] ^= 1
        row = {"connection": "acme.x", "purpose": "grant", "version": 1, "ciphertext": bytes(bent)}
        await kept(store, Put(VAULT, row))
        with pytest.raises(SealBroken):
            await vault.open("acme.x", "x")


async def test_a_row_cut_short_does_not_open(store, vault):
    whole = bytes(vault.seal("acme.x", "x", 1, {}).row["ciphertext"])
    for length in (0, 8, 30, 68, len(whole) - 1):
        row = {"connection": "acme.x", "purpose": "grant", "version": 1, "ciphertext": whole[:length]}
        await kept(store, Put(VAULT, row))
        with pytest.raises(SealBroken):
            await vault.open("acme.x", "x")


async def test_without_its_key_nothing_opens_and_there_is_no_way_around(store, vault):
    await kept(store, vault.seal("acme.x", "x", 1, BODY))
    with pytest.raises(SealBroken, match="a key that is not here; reconnect it"):
        await Vault(store, OTHER_KEY).open("acme.x", "x")


async def test_what_a_newer_secret_replaces_is_forgotten_with_it(store, vault):
    await kept(store, *(vault.seal("acme.x", "x", version, {"v": version}) for version in (1, 2)))
    await kept(store, vault.seal("acme.x", "x", 3, {"v": 3}), *await vault.forget("acme.x", below=3))
    assert [row["version"] for row in await rows(store)] == [3]
    await kept(store, *await vault.forget("acme.x"))
    assert await rows(store) == []


async def test_both_keys_open_while_one_is_replaced(store, vault):
    """A16: online, and it may be interrupted."""
    await kept(store, *(vault.seal(f"a{number}.x", "x", 1, {"n": number}) for number in range(5)))
    newer = Vault(store, OTHER_KEY, older=[KEY])
    await kept(store, newer.seal("b.x", "x", 1, {"n": "b"}))
    assert (await newer.open("a3.x", "x")).body == {"n": 3}
    assert await newer.status() == {"sealed": 6, "older": 5}
    assert await newer.rotate(at_once=2) == 5
    assert await newer.status() == {"sealed": 6, "older": 0}
    assert (await Vault(store, OTHER_KEY).open("a3.x", "x")).body == {"n": 3}
    with pytest.raises(SealBroken):
        await vault.open("a3.x", "x")


async def test_rotating_twice_wraps_nothing_more(store):
    newer = Vault(store, OTHER_KEY, older=[KEY])
    await kept(store, Vault(store, KEY).seal("acme.x", "x", 1, BODY))
    await newer.rotate()
    before = await rows(store)
    assert await newer.rotate() == 0
    assert await rows(store) == before


async def test_what_is_derived_is_the_same_for_the_same_words_and_the_same_key_alone(store, vault):
    assert vault.derive("a", "b") == vault.derive("a", "b")
    assert len({vault.derive("a", "b"), vault.derive("ab"), vault.derive("b", "a"),
                Vault(store, OTHER_KEY).derive("a", "b")}) == 4  # fmt: skip


async def test_randomness_is_an_argument(store):
    """So that a whole house runs twice the same (D17)."""

    def counting():
        bits = itertools.count()
        return lambda count: next(bits).to_bytes(1) * count

    sealed = [Vault(store, KEY, random_bytes=counting()).seal("a.x", "x", 1, BODY).row for _ in range(2)]
    assert sealed[0] == sealed[1]


# The key file.


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "var" / "vault.key"
    key = vault_key(path)
    assert len(key) == 32
    assert vault_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["vault.key"]


def test_a_key_file_others_can_read_is_refused_with_its_mend(tmp_path):
    path = tmp_path / "vault.key"
    vault_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileWrong, match="chmod 600"):
        vault_key(path)


@pytest.mark.parametrize("text", ["", "not a key", "ab" * 31, "ab" * 33])
def test_a_file_that_holds_no_key_is_never_taken_for_one(tmp_path, text):
    path = tmp_path / "vault.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileWrong, match="64 hexadecimal digits"):
        vault_key(path)


# A secret.


@pytest.mark.parametrize(
    "shown",
    [repr, str, "{}".format, "{:>40}".format, "{!r}".format, lambda secret: f"{secret}",
     lambda secret: repr([secret]), lambda secret: repr(Opened(1, secret)), lambda secret: str({"key": secret})],
)  # fmt: skip
def test_a_secret_shows_as_dots(shown):
    text = shown(Secret(TOKEN))
    assert DOTS in text
    assert TOKEN not in text


@pytest.mark.parametrize("written", [pickle.dumps, json.dumps, orjson.dumps, copy.copy, copy.deepcopy, vars])
def test_a_secret_refuses_to_be_written_down(written):
    with pytest.raises(TypeError) as refused:
        written(Secret(TOKEN))
    assert TOKEN not in str(refused.value)


def test_what_was_opened_refuses_too():
    opened = Opened(1, Secret(BODY))
    with pytest.raises(TypeError):
        pickle.dumps(opened)
    assert TOKEN not in repr(replace(opened, version=2))


def test_a_secret_in_a_log_line_is_dots(caplog):
    logging.getLogger("test").warning("opened %s", Secret(TOKEN))
    assert caplog.messages == [f"opened {DOTS}"]


async def test_a_key_that_opens_nothing_of_what_is_kept_is_refused_with_the_mend(store, tmp_path):
    """A new one would be made in silence, and every post would wait for ever."""
    path, put_aside = tmp_path / "vault.key", tmp_path / "put aside"
    vault = await opened_vault(store, path)
    await kept(store, vault.seal("acme.linkedin", "linkedin", 1, BODY))
    path.rename(put_aside)
    with pytest.raises(KeyFileWrong, match=r"is not at .* put it back from its own backup"):
        await opened_vault(store, path)
    assert not path.exists()
    vault_key(path)
    with pytest.raises(KeyFileWrong, match="is not the one that sealed"):
        await opened_vault(store, path)
    lost = await opened_vault(store, path, lost=True)
    with pytest.raises(SealBroken):
        await lost.open("acme.linkedin", "linkedin")
    put_aside.rename(path)
    assert await (await opened_vault(store, path)).open("acme.linkedin", "linkedin")
