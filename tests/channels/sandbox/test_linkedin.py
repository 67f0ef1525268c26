"""LinkedIn as it answers: every refusal of its table, and what it quietly does."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.channels.sandbox.far_side import BACK, FarSide, LinkedIn, read


@pytest.fixture
def far() -> FarSide:
    return FarSide()


@pytest.fixture
def linkedin(far) -> LinkedIn:
    return LinkedIn(far).connect()


def test_a_post_gets_an_id_in_a_header_and_no_body(linkedin):
    given = linkedin.post()
    assert (given.status, given.body) == (201, b"")
    assert given.headers["x-restli-id"].startswith(("urn:li:share:", "urn:li:ugcPost:"))


def test_both_kinds_of_urn_occur(linkedin):
    kinds = {linkedin.post(f"Story {number}").headers["x-restli-id"].split(":")[2] for number in range(6)}
    assert kinds == {"share", "ugcPost"}


def test_the_finder_lists_the_newest_first_and_in_pages(linkedin, far):
    for number in range(5):
        linkedin.post(f"Story {number}")
        far.later(minutes=1)
    assert [each["commentary"] for each in linkedin.listed(count=2, start=1)] == ["Story 3", "Story 2"]


def test_the_finder_must_be_named_in_a_header(linkedin):
    author = quote(linkedin.organisation, safe="")
    assert linkedin.call("GET", f"/rest/posts?q=author&author={author}").status == 400


def test_an_unescaped_reserved_character_cuts_the_text(linkedin, far):
    linkedin.post("Grown (by half) #growth")
    linkedin.post("Grown \\(by half\\) #growth")
    assert [post.text for post in far.world.posts.everything("linkedin")] == ["Grown ", "Grown (by half) #growth"]


def test_statistics_leave_out_what_nobody_saw_and_then_only_grow(linkedin, far):
    urn = linkedin.post().headers["x-restli-id"]
    assert linkedin.statistics(urn) == []
    far.later(hours=1)
    [first] = linkedin.statistics(urn)
    far.later(days=7)
    [last] = linkedin.statistics(urn)
    assert 0 < first["totalShareStatistics"]["impressionCount"] < last["totalShareStatistics"]["impressionCount"]


def test_deleting_is_repeatable(linkedin):
    urn = quote(linkedin.post().headers["x-restli-id"], safe="")
    assert [linkedin.call("DELETE", f"/rest/posts/{urn}").status for _ in range(2)] == [204, 204]
    assert linkedin.listed() == []


# Refusals, in the order of the table.


def test_the_101st_post_of_a_day_is_too_many_until_midnight(linkedin, far):
    for number in range(100):
        assert linkedin.post(f"Story {number}").status == 201
    refused = linkedin.post("One more")
    assert (refused.status, read(refused)["code"]) == (429, "TOO_MANY_REQUESTS")
    far.later(hours=15)
    assert linkedin.post("One more").status == 201


def test_an_invented_token_is_invalid(linkedin):
    linkedin.token = "invented"
    assert (linkedin.call("GET", "/v2/userinfo").status, _service_code(linkedin)) == (401, 65600)


def test_a_revoked_token_says_so(linkedin, far):
    far.weather("linkedin", "revoked", account="acme")
    assert _service_code(linkedin) == 65601


def test_a_token_expires_after_60_days(linkedin, far):
    far.later(days=60)
    assert _service_code(linkedin) == 65602


def _service_code(linkedin: LinkedIn) -> int:
    return read(linkedin.call("GET", "/v2/userinfo"))["serviceErrorCode"]


def test_somebody_elses_organisation_is_denied(linkedin, far):
    stranger = LinkedIn(far, account="other").connect().organisation
    refused = linkedin.post(author=stranger)
    assert (refused.status, read(refused)["code"]) == (403, "ACCESS_DENIED")


def test_a_missing_scope_is_denied(far):
    narrow = LinkedIn(far, scope="openid profile rw_organization_admin").connect()
    assert narrow.post().status == 403


def test_a_members_posts_cannot_be_listed(linkedin):
    me = "urn%3Ali%3Aperson%3A" + read(linkedin.call("GET", "/v2/userinfo"))["sub"]
    assert linkedin.call("GET", f"/rest/posts?q=author&author={me}", X_RestLi_Method="FINDER").status == 403


def test_an_unpermitted_field_is_denied(linkedin):
    refused = linkedin.post(shareMediaCategory="NONE")
    assert (refused.status, read(refused)["code"]) == (403, "ACCESS_DENIED")
    assert "shareMediaCategory" in read(refused)["message"]


@pytest.mark.parametrize("version", ["202511", "202512", "202711", ""])
def test_a_retired_or_missing_version_needs_an_upgrade(linkedin, version):
    refused = linkedin.call("POST", "/rest/posts", json=linkedin.body(), Linkedin_Version=version)
    assert (refused.status, read(refused)["code"]) == (426, "NONEXISTENT_VERSION")


def test_the_protocol_must_be_named_too(linkedin):
    assert linkedin.call("POST", "/rest/posts", json=linkedin.body(), X_Restli_Protocol_Version="1.0.0").status == 400


def test_a_bare_urn_in_an_address_is_not_understood(linkedin):
    asked = f"/rest/posts?q=author&author={linkedin.organisation}"
    assert linkedin.call("GET", asked, X_RestLi_Method="FINDER").status == 400


def test_3000_characters_fit_and_3001_do_not(linkedin):
    refused = linkedin.post("a" * 3001)
    assert (refused.status, read(refused)["code"]) == (400, "FIELD_LENGTH_TOO_LONG")
    assert linkedin.post("\\(" * 3000).status == 201


def test_an_author_that_is_no_urn_is_invalid(linkedin):
    assert linkedin.post(author="acme").status == 400


@pytest.mark.parametrize(
    "broken",
    [{"visibility": "EVERYONE"}, {"lifecycleState": "DRAFT"}, {"content": {"article": {"source": "https://a"}}}],
)
def test_what_does_not_validate_is_unprocessable(linkedin, broken):
    assert linkedin.post(**broken).status == 422


def test_a_required_field_is_missed_by_name(linkedin):
    body = linkedin.body()
    del body["visibility"]
    refused = linkedin.call("POST", "/rest/posts", json=body)
    assert refused.status == 422
    assert "visibility" in read(refused)["message"]


def test_the_same_again_is_a_duplicate_that_names_the_first(linkedin):
    urn = linkedin.post().headers["x-restli-id"]
    refused = linkedin.post()
    assert (refused.status, read(refused)["code"]) == (422, "DUPLICATE_POST")
    assert urn in read(refused)["message"]


def test_after_an_hour_it_has_forgotten(linkedin, far):
    linkedin.post()
    far.later(hours=1, seconds=1)
    assert linkedin.post().status == 201


def test_a_conflict_can_be_scripted(linkedin, far):
    far.weather("linkedin", "refuse", code="CONFLICT", times=1)
    assert (linkedin.post().status, linkedin.post().status) == (409, 201)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_has_the_status_that_was_asked_for(linkedin, far, status):
    far.weather("linkedin", "outage_before", status=status, times=1)
    assert linkedin.call("GET", "/v2/userinfo").status == status


def test_a_code_works_once(linkedin):
    code = linkedin.code()
    assert linkedin.exchange(code).status == 200
    refused = linkedin.exchange(code)
    assert (refused.status, read(refused)["error"]) == (400, "invalid_grant")


def test_a_code_lives_30_minutes(linkedin, far):
    code = linkedin.code()
    far.later(minutes=30)
    assert linkedin.exchange(code).status == 400


def test_a_code_belongs_to_its_redirect_uri(linkedin):
    assert linkedin.exchange(linkedin.code(), redirect_uri=BACK + "/other").status == 400


def test_the_token_endpoint_wants_to_know_what_for(linkedin):
    refused = linkedin.token_call()
    assert (refused.status, read(refused)["error"]) == (400, "invalid_request")


def test_only_partners_get_a_refresh_token_and_it_ends_a_year_after_the_consent(linkedin, far):
    assert "refresh_token" not in read(LinkedIn(far, client="own-app").exchange(LinkedIn(far, client="own-app").code()))
    refresh = read(linkedin.exchange(linkedin.code()))["refresh_token"]
    far.later(days=59)
    told = read(linkedin.token_call(grant_type="refresh_token", refresh_token=refresh))
    assert (told["refresh_token"], told["refresh_token_expires_in"]) == (refresh, 306 * 86400)
    far.later(days=306)
    assert linkedin.token_call(grant_type="refresh_token", refresh_token=refresh).status == 400


def test_a_consent_without_a_state_shows_a_page_and_sends_nobody_back(far):
    assert far.send("GET", f"https://www.linkedin.com/oauth/v2/authorization?redirect_uri={BACK}").status == 400


def test_revoking_ends_the_grant(linkedin, far):
    far.send("POST", "https://www.linkedin.com/oauth/v2/revoke", form={"token": linkedin.token})
    assert _service_code(linkedin) == 65601
