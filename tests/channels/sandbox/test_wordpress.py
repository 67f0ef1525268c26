"""WordPress as it answers: every refusal of its table, and the slug that silently becomes another."""

from __future__ import annotations

import pytest

from tests.channels.sandbox.far_side import FarSide, WordPress, back_with, read


@pytest.fixture
def far() -> FarSide:
    return FarSide()


@pytest.fixture
def wordpress(far) -> WordPress:
    return WordPress(far).connect()


def code_of(given) -> tuple[int, str]:
    told = read(given)
    assert told["data"]["status"] == given.status
    return given.status, told["code"]


def test_a_post_is_created_at_its_slug(wordpress):
    given = wordpress.post()
    assert given.status == 201
    assert read(given)["link"] == "https://acme.sites.sandbox/how-acme-grew/"
    assert given.headers["location"].endswith(f"/wp-json/wp/v2/posts/{read(given)['id']}")


def test_a_taken_slug_silently_becomes_another(wordpress):
    assert [read(wordpress.post())["slug"] for _ in range(3)] == [
        "how-acme-grew", "how-acme-grew-2", "how-acme-grew-3",
    ]  # fmt: skip


def test_sites_do_not_know_each_other(wordpress, far):
    wordpress.post()
    assert read(WordPress(far, account="other").connect().post())["slug"] == "how-acme-grew"


def test_a_slug_is_looked_up(wordpress):
    wordpress.post()
    wordpress.post(slug="another")
    [found] = wordpress.listed(slug="another", _fields="id,slug,link,status,date_gmt")
    assert set(found) == {"id", "slug", "link", "status", "date_gmt"}
    assert wordpress.listed(slug="nowhere") == []


def test_what_came_since_is_listed(wordpress, far):
    wordpress.post(slug="before")
    far.later(hours=1)
    since = far.now.isoformat()
    wordpress.post(slug="at-that-very-second")
    far.later(seconds=1)
    wordpress.post(slug="after")
    assert [post["slug"] for post in wordpress.listed(after=since)] == ["after"]
    given = wordpress.call("GET", "/wp/v2/posts?after=yesterday")
    assert code_of(given) == (400, "rest_invalid_param")


def test_a_page_beyond_the_last_is_refused(wordpress):
    assert wordpress.listed(page="1") == []
    wordpress.post()
    assert code_of(wordpress.call("GET", "/wp/v2/posts?page=2")) == (400, "rest_post_invalid_page_number")


def test_a_draft_is_seen_only_by_those_who_may(wordpress):
    wordpress.post(status="draft")
    assert len(wordpress.listed()) == 1
    wordpress.password = ""
    assert read(wordpress.call("GET", "/wp/v2/posts")) == []


def test_the_other_form_of_address_works_too(wordpress, far):
    wordpress.post()
    given = far.send("GET", "https://acme.sites.sandbox/?rest_route=/wp/v2/posts")
    assert len(read(given)) == 1


def test_the_spaces_of_a_password_mean_nothing(wordpress):
    wordpress.password = wordpress.password.replace(" ", "")
    told = read(wordpress.call("GET", "/wp/v2/users/me?context=edit"))
    assert told["capabilities"]["publish_posts"]


def test_an_owner_grants_a_password_on_a_page(far):
    page = "https://acme.sites.sandbox/wp-admin/authorize-application.php?app_name=D&success_url=https://d.example/ok"
    told = back_with(far.send("GET", page))
    granted = WordPress(far, password=told["password"])
    assert (told["site_url"], granted.post().status) == ("https://acme.sites.sandbox", 201)


def test_the_comments_stand_in_a_header(wordpress, far):
    id = read(wordpress.post())["id"]
    assert wordpress.call("GET", f"/wp/v2/comments?post={id}").headers["x-wp-total"] == "0"
    far.later(days=7)
    assert int(wordpress.call("GET", f"/wp/v2/comments?post={id}&per_page=1").headers["x-wp-total"]) > 0


def test_the_reader_sees_text_without_tags(wordpress, far):
    wordpress.post()
    assert far.world.posts.everything("blog")[0].text == "By listening & asking."


# Refusals, in the order of the table.


@pytest.mark.parametrize(
    "code", ["db_insert_error", "db_update_error", "internal_server_error", "rest_upload_unknown_error",
             "rest_upload_sideload_error"]
)  # fmt: skip
def test_a_broken_site_can_be_scripted(wordpress, far, code):
    far.weather("blog", "refuse", code=code, times=1)
    assert code_of(wordpress.post()) == (500, code)


@pytest.mark.parametrize("status", [429, 503])
def test_the_host_limits_with_a_page_of_its_own(wordpress, far, status):
    far.weather("blog", "limit", status=status, retry_after=120, times=1)
    refused = wordpress.post()
    assert (refused.status, refused.headers["retry-after"]) == (status, "120")
    assert refused.headers["content-type"].startswith("text/html")


def test_a_wrong_password_is_incorrect(wordpress):
    wordpress.password = "not the password"
    assert code_of(wordpress.post()) == (401, "incorrect_password")


def test_another_sites_password_is_incorrect(wordpress, far):
    wordpress.password = WordPress(far, account="other").connect().password
    assert code_of(wordpress.post()) == (401, "incorrect_password")


def test_a_revoked_password_is_incorrect(wordpress, far):
    far.weather("blog", "revoked", account="acme")
    assert code_of(wordpress.post()) == (401, "incorrect_password")


def test_a_user_nobody_knows_is_invalid(wordpress):
    wordpress.user = "nobody"
    assert code_of(wordpress.post()) == (401, "invalid_username")


def test_without_a_header_nobody_is_logged_in(wordpress):
    wordpress.password = ""
    assert code_of(wordpress.call("GET", "/wp/v2/users/me")) == (401, "rest_not_logged_in")
    assert code_of(wordpress.post()) == (401, "rest_cannot_create")


@pytest.mark.parametrize(
    ("code", "status"),
    [("application_passwords_disabled", 401), ("rest_forbidden", 401), ("rest_forbidden", 403),
     ("rest_cannot_edit", 403), ("rest_cannot_assign_term", 403), ("rest_cannot_edit_others", 403),
     ("rest_cookie_invalid_nonce", 403), ("rest_missing_callback_param", 400), ("rest_upload_limited_space", 400),
     ("rest_upload_user_quota_exceeded", 400)],
)  # fmt: skip
def test_what_no_request_of_ours_can_provoke_can_be_scripted(wordpress, far, code, status):
    far.weather("blog", "refuse", code=code, status=status, times=1)
    assert code_of(wordpress.post()) == (status, code)


def test_a_subscriber_may_not_write_and_a_contributor_may_not_publish(far):
    assert code_of(WordPress(far, user="subscriber").connect().post()) == (403, "rest_cannot_create")
    assert code_of(WordPress(far, user="contributor").connect().post()) == (403, "rest_cannot_publish")
    assert WordPress(far, user="contributor").connect().post(status="draft").status == 201


@pytest.mark.parametrize("wrong", [{"status": "online"}, {"slug": 7}, {"title": 7}, {"featured_media": "one"}])
def test_an_invalid_parameter_is_named(wordpress, wrong):
    refused = wordpress.post(**wrong)
    assert code_of(refused) == (400, "rest_invalid_param")
    assert set(read(refused)["data"]["params"]) == set(wrong)


def test_a_status_of_lists_needs_a_user(wordpress):
    wordpress.password = ""
    refused = wordpress.call("GET", "/wp/v2/posts?status=any")
    assert code_of(refused) == (400, "rest_invalid_param")
    why = read(refused)["data"]["details"]["status"]
    assert (why["code"], why["data"]["status"]) == ("rest_forbidden_status", 401)


def test_a_body_that_is_no_json_is_invalid(wordpress):
    assert code_of(wordpress.call("POST", "/wp/v2/posts", body=b"{")) == (400, "rest_invalid_json")


def test_a_picture_nobody_uploaded_is_refused(wordpress):
    assert code_of(wordpress.post(featured_media=1)) == (400, "rest_invalid_featured_media")
    uploaded = wordpress.call("POST", "/wp/v2/media", body=b"png", Content_Disposition='attachment; filename="a.png"')
    assert wordpress.post(featured_media=read(uploaded)["id"]).status == 201


def test_a_post_of_nothing_is_empty(wordpress):
    assert code_of(wordpress.post(title="", content="")) == (400, "empty_content")


def test_an_upload_is_checked(wordpress):
    named = {"Content_Disposition": 'attachment; filename="a.png"'}
    upload = "/wp/v2/media"
    assert code_of(wordpress.call("POST", upload, body=b"", **named)) == (400, "rest_upload_no_data")
    assert code_of(wordpress.call("POST", upload, body=b"png")) == (400, "rest_upload_no_content_disposition")
    big = wordpress.call("POST", upload, body=bytes(2_000_001), **named)
    assert code_of(big) == (400, "rest_upload_file_too_big")
    broken = wordpress.call("POST", upload, body=b"png", Content_MD5="0" * 32, **named)
    assert code_of(broken) == (412, "rest_upload_hash_mismatch")


def test_a_proxy_may_find_a_body_too_large(wordpress, far):
    far.weather("blog", "refuse", status=413, times=1)
    refused = wordpress.post()
    assert (refused.status, refused.headers["content-type"]) == (413, "text/html; charset=utf-8")


def test_an_id_in_a_new_post_is_our_own_fault(wordpress):
    assert code_of(wordpress.post(id=7)) == (400, "rest_post_exists")


def test_what_is_not_there_is_not_there(wordpress):
    assert code_of(wordpress.call("GET", "/wp/v2/nothing")) == (404, "rest_no_route")
    assert code_of(wordpress.call("GET", "/wp/v2/posts/999")) == (404, "rest_post_invalid_id")
