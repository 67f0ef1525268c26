"""How WordPress says no: a code, a sentence, and the status once more under `data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.channels.sandbox.wire import Reply, reply

CODES: Mapping[str, tuple[int, str]] = {
    "incorrect_password": (401, "The provided password is an invalid application password."),
    "invalid_username": (401, "Unknown username. Check again or try your email address."),
    "rest_not_logged_in": (401, "You are not currently logged in."),
    "application_passwords_disabled": (401, "Application passwords are not available."),
    "rest_forbidden": (403, "Sorry, you are not allowed to do that."),
    "rest_cannot_create": (403, "Sorry, you are not allowed to create posts as this user."),
    "rest_cannot_publish": (403, "Sorry, you are not allowed to publish posts in this post type."),
    "rest_cannot_edit": (403, "Sorry, you are not allowed to edit this post."),
    "rest_cannot_edit_others": (403, "Sorry, you are not allowed to update posts as this user."),
    "rest_cannot_delete": (403, "Sorry, you are not allowed to delete this post."),
    "rest_cannot_assign_term": (403, "Sorry, you are not allowed to assign the provided terms."),
    "rest_cookie_invalid_nonce": (403, "Cookie check failed"),
    "rest_invalid_param": (400, "Invalid parameter(s)"),
    "rest_missing_callback_param": (400, "Missing parameter(s)"),
    "rest_invalid_json": (400, "Invalid JSON body passed."),
    "rest_invalid_featured_media": (400, "Invalid featured media ID."),
    "empty_content": (400, "Content, title, and excerpt are empty."),
    "rest_upload_no_data": (400, "No data supplied."),
    "rest_upload_no_content_disposition": (400, "No Content-Disposition supplied."),
    "rest_upload_file_too_big": (400, "This file is too big."),
    "rest_upload_limited_space": (400, "Not enough space to upload."),
    "rest_upload_user_quota_exceeded": (400, "You have used your space quota."),
    "rest_upload_hash_mismatch": (412, "Content hash did not match expected."),
    "rest_post_exists": (400, "Cannot create existing post."),
    "rest_post_invalid_page_number": (
        400,
        "The page number requested is larger than the number of pages available.",
    ),
    "rest_no_route": (404, "No route was found matching the URL and request method."),
    "rest_post_invalid_id": (404, "Invalid post ID."),
    "db_insert_error": (500, "Could not insert post into the database."),
    "db_update_error": (500, "Could not update post in the database."),
    "internal_server_error": (500, "There has been a critical error on this website."),
    "rest_upload_unknown_error": (500, "Could not upload the file."),
    "rest_upload_sideload_error": (500, "Could not save the file."),
}


def no(code: str, *, status: int | None = None, **more: Mapping[str, Any]) -> Reply:
    """`params` names what is wrong with which parameter, `details` holds the whole refusal of each."""
    usual, message = CODES.get(code, (400, code))
    data = {"status": status or usual, **more}
    return reply(status or usual, {"code": code, "message": message, "data": data})
