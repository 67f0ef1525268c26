"""Production's message at the door: read strictly, or told in words what to mend (S2, A25)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.message import BYTES_MAX, Letter, Unfit, read_message, read_quickly, read_strictly
from tests.scheduler.house import message
from tests.scheduler.posts import MONDAY


def read(found, *, encoded: bool = False) -> Letter | Unfit:
    return read_message(found if encoded else json.dumps(found).encode(), now=MONDAY)


def unfit(found, *, encoded: bool = False) -> tuple[str, str]:
    read_as = read(found, encoded=encoded)
    assert isinstance(read_as, Unfit), read_as
    return read_as.code, read_as.reason


def with_text(json_text: str) -> bytes:
    """A whole message whose text is written just so."""
    return json.dumps(message(text="TEXT")).encode().replace(b'"TEXT"', json_text.encode())


def test_a_message_as_interfaces_shows_it_is_read():
    whole = message(
        connection=None, bucket="customer-stories", campaign="spring", title=None, media=[], not_before=None,
        exactly_at="2026-11-24T09:00:00+01:00", link="https://acme.example/stories/42",
    ) | {"subject": "spring-042", "time": "2026-11-23T08:00:00Z", "datacontenttype": "application/json"}  # fmt: skip
    letter = read(whole)
    assert isinstance(letter, Letter)
    assert (letter.story, letter.id) == ("acme.spring-042", "event-acme-spring-042")
    assert letter.approved.exactly_at == MONDAY + timedelta(days=1)


@pytest.mark.parametrize("text", ["Grüße 👋🏽 an alle", "line\nbreak\ttab", '\\ " / {[}]', "\u2028 and \x7f"])
def test_whatever_text_a_person_writes_arrives_as_it_was_written(text):
    for body in (json.dumps(message(text=text)), json.dumps(message(text=text), ensure_ascii=False)):
        letter = read(body.encode(), encoded=True)
        assert isinstance(letter, Letter)
        assert letter.approved.text == text


@pytest.mark.parametrize(
    ("body", "mend"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8; send UTF-8"),
        (b'{"a": 1, "a": 2}', '"a" stands twice in one object; keep one'),
        (b'{"a": NaN}', "NaN is no JSON number; leave it out or write null"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": "\\ud83d"}', "half a surrogate pair; send whole characters"),
        (b'{"a": "\\udc4b\\ud83d"}', "half a surrogate pair"),
        (b'{"\\ud83d": 1}', "half a surrogate pair"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 deep; flatten it"),
        (b"[" * 100_000, "nested more than 32 deep"),
        (b'{"a": 1} {"b": 2}', "Extra data"),
        (b"\xef\xbb\xbf{}", "alike: it begins with a byte order mark; send UTF-8 without one."),
        (b'{"a": -' + b"9" * 5000 + b"}", "alike: a number in it has 5,000 digits; write one of at most 4,300."),
    ],
)
def test_json_that_two_readers_read_differently_is_not_json(body, mend):
    code, reason = unfit(body, encoded=True)
    assert code == "not_json"
    assert mend in reason


def test_a_key_that_stands_twice_deep_inside_is_found():
    body = json.dumps(message()).encode().replace(b'"post": "spring-042"', b'"post": "a", "post": "spring-042"')
    code, reason = unfit(body, encoded=True)
    assert code == "not_json"
    assert reason.endswith('"post" stands twice in one object; keep one.')


def test_a_whole_pair_of_surrogates_is_a_character():
    letter = read(with_text('"\\ud83d\\udc4b"'), encoded=True)
    assert isinstance(letter, Letter)
    assert letter.approved.text == "👋"


@pytest.mark.parametrize("link", [
    "https://acme.example", "http://[::1]:8080/a", "https://user:word@acme.example:8443/[x]?q=[y]#z", "https://müller.example/ä",
    "https://हिन्दी.example/", "https://xn--mller-kva.example./", "http://127.0.0.1:3000/", "https://a_b.example/%20",
])  # fmt: skip
def test_whatever_names_a_host_is_a_link(link):
    letter = read(message(link=link))
    assert isinstance(letter, Letter), letter
    assert letter.approved.link == link


def test_brackets_in_a_text_are_no_depth():
    assert isinstance(read(message(text="[{" * 500 + '\\"[')), Letter)


def test_more_than_256_kb_are_not_even_parsed():
    assert unfit(b"[" * (BYTES_MAX + 1), encoded=True)[0] == "oversize"
    assert unfit(b"[" * BYTES_MAX, encoded=True)[0] == "not_json"


@pytest.mark.parametrize("found", [[], "text", 7, None, True])
def test_json_that_is_no_object_is_no_event(found):
    assert unfit(found)[0] == "not_an_event"


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"specversion": "0.3"}, "specversion is"),
        ({"type": "production.post_dropped"}, "type is"),
        ({"id": ""}, "id is"),
        ({"data": None}, "data is null"),
        ({"data": []}, "data is []"),
        ({"traceParent": "00-1"}, "traceParent is no attribute of a CloudEvent: name it in lower-case letters"),
        ({"data_base64": "e30="}, "data_base64 is no attribute of a CloudEvent"),
        ({"": "x"}, " is no attribute of a CloudEvent"),
        ({"trace": {"id": 1}}, 'trace is {"id": 1}: an extension attribute is text, a whole number, true or false'),
        ({"trace": ["a"]}, 'trace is ["a"]: an extension attribute is text'),
        ({"sampledrate": 0.5}, "sampledrate is 0.5: an extension attribute is text"),
    ],
)
def test_an_object_that_is_no_approved_post_is_no_event(change, mend):
    code, reason = unfit(message() | change)
    assert code == "not_an_event"
    assert mend in reason


EXTENDED = {"dataschema": "https://acme.example/post.json", "traceparent": "00-4bf92f3577b34da6-00f067aa0ba902b7-01",
            "priority": 3, "sampled": True, "partitionkey": None}  # fmt: skip


def test_what_else_a_cloudevent_may_carry_is_read_past():
    """`dataschema` is one of its own attributes, and whatever carries events may add some of its own."""
    body = json.dumps(message() | EXTENDED).encode()
    assert read_quickly(body) == read_strictly(body, now=MONDAY) == read(message())
    planned = message(not_before="2026-11-24T09:00:00Z")
    assert read(planned | EXTENDED) == read(planned)


def test_what_else_it_carries_stands_there_once():
    body = json.dumps(message() | EXTENDED).encode()
    twice = body.replace(b'"priority"', b'"priority": 2, "priority"')
    assert read_quickly(twice) is None
    assert unfit(twice, encoded=True)[0] == "not_json"


def test_a_missing_field_of_the_envelope_is_named():
    whole = message()
    del whole["id"]
    assert unfit(whole) == ("not_an_event", "id is missing; add it.")


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"post": "Spring 042"}, 'data.post is "Spring 042"; it must look like'),
        ({"post": ""}, "data.post is"),
        ({"post": "x" * 65}, "data.post is"),
        ({"account": "acme.linkedin"}, "data.account is"),
        ({"account": 7}, "data.account is 7"),
        ({"connection": "acme.linkedin.a.b"}, "data.connection is"),
        ({"connection": "rival.linkedin"}, "which is not linkedin of acme; name one of its own, or leave it out"),
        ({"connection": "acme.x"}, "which is not linkedin of acme"),
        ({"text": None}, "data.text is null"),
        ({"text": ["a"]}, "data.text is"),
        ({"link": "javascript:alert(1)"}, "data.link is"),
        ({"link": "https://" + "x" * 2100}, "data.link is"),
        (
            {"link": "http://[::1"},
            'data.link is "http://[::1": it is no web address (Invalid IPv6 URL); write it as in',
        ),
        ({"link": "https://acme.example:99999/"}, "it is no web address (Port out of range"),
        ({"link": "https:///stories"}, "it names no host; write it as in https://acme.example/story"),
        ({"link": "http://[::1]x/"}, "it names no host"),
        ({"link": "https://acme..example/"}, "it names no host"),
        ({"link": "https://%00/"}, "it names no host"),
        ({"link": "https://*/"}, "it names no host"),
        ({"link": f"https://{'a' * 64}.example/"}, "it names no host"),
        ({"link": "https://acme.example/\x00x"}, "it holds a control character"),
        ({"media": [{"kind": "audio", "url": "https://acme.example/a.mp3"}]}, "data.media.0.kind is"),
        ({"media": [{"kind": "image"}]}, "data.media.0.url is missing; add it"),
        ({"campaign": "x" * 129}, "data.campaign is"),
        ({"not_before": "2026-11-24T09:00:00"}, "names no zone; write it with an offset, as in 2026-11-23T08:00:00Z"),
        ({"exactly_at": "tomorrow"}, "data.exactly_at is"),
        ({"exactly_at": 1795507200}, "write a time as text"),
        ({"not_before": "9999-12-31T23:59:59Z"}, "more than five years away; choose a nearer time"),
        ({"exactly_at": "0001-01-01T00:00:00+14:00"}, "more than five years away"),
        ({"tenant": "rival"}, "data.tenant is not a field of this message; take it out"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_mend(change, mend):
    code, reason = unfit(message(**change))
    assert code == "invalid"
    assert mend in reason


def test_a_naive_time_of_the_event_itself_is_named():
    assert unfit(message() | {"time": "2026-11-23T08:00:00"}) == (
        "invalid", "time is 2026-11-23T08:00:00, which names no zone; write it with an offset, as in "
        "2026-11-23T08:00:00Z.",
    )  # fmt: skip


def test_a_channel_that_is_none_is_named_with_those_that_are():
    code, reason = unfit(message(channel="myspace"))
    assert code == "unknown_channel"
    assert 'data.channel is "myspace"' in reason
    assert "linkedin, x, facebook" in reason


def test_many_faults_are_told_without_end_to_the_reason():
    code, reason = unfit(message(post="A B", account="C D", text=1, link="x", media="y"))
    assert code == "invalid"
    assert reason.endswith("(2 more).")


def test_a_huge_wrong_value_is_shown_by_its_beginning():
    _, reason = unfit(message(post="x" * 5000))
    assert len(reason) < 300


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body):
    assert isinstance(read_message(body, now=MONDAY), Unfit)


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
values = st.recursive(
    scalars,
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(st.text(max_size=8), deeper, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from(["post", "account", "channel", "connection", "bucket", "campaign", "title", "text", "link",
                              "media", "not_before", "exactly_at", "else"]), value=values)  # fmt: skip
def test_any_value_in_any_field_is_taken_or_told_and_what_is_taken_can_be_stored_and_read_again(field, value):
    letter = read(message(**{field: value}))
    if isinstance(letter, Letter):
        stored = letter.approved.model_dump_json()
        assert type(letter.approved).model_validate_json(stored) == letter.approved
    else:
        assert letter.reason.endswith(".")
        letter.reason.encode()


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["dataschema", "traceparent", "t3", "Trace", "data_base64", "ü", "\ud83d"]), value=values)
def test_the_quick_reading_of_what_else_it_carries_says_what_the_strict_one_says_or_nothing(name, value):
    body = json.dumps(message() | {name: value}, ensure_ascii=True).encode()
    quick = read_quickly(body)
    assert quick is None or quick == read_strictly(body, now=MONDAY)


PLAIN = ["post", "account", "channel", "bucket", "campaign", "title", "text", "link", "media"]


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from([*PLAIN, "connection", "not_before", "exactly_at"]), value=values,
       spaced=st.booleans(), ascii=st.booleans())  # fmt: skip
def test_the_quick_reading_says_what_the_strict_one_says_or_nothing(field, value, spaced, ascii):
    separators = (" , ", "\n: ") if spaced else (",", ":")
    written = json.dumps(message(**{field: value}), separators=separators, ensure_ascii=ascii)
    body = written.encode("utf-8", "surrogatepass")
    quick = read_quickly(body)
    assert quick is None or quick == read_strictly(body, now=MONDAY)


def test_a_plain_message_is_read_quickly_and_one_that_says_a_thing_twice_never():
    body = json.dumps(message(media=[{"kind": "image", "url": "https://acme.example/p.png", "alt": None}])).encode()
    assert read_quickly(body) == read_strictly(body, now=MONDAY) != None  # noqa: E711
    for name in (b'"text"', b'"kind"', b'"id"', b'"te\\u0078t"'):
        twice = body.replace(name.replace(b"\\u0078", b"x"), name + b' : "image", ' + name.replace(b"\\u0078", b"x"))
        assert twice != body
        assert read_quickly(twice) is None
        assert unfit(twice, encoded=True)[0] == "not_json"
