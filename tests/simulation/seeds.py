"""Seeds that once failed, by what had been wrong; each is played again at every change, and kept for ever.

A seed means something only together with how plans are drawn, so the fault of that day is kept as well, planted in
`bugs/`: it must still be found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """`bug` is the planted fault that is the mistake of that day."""

    seed: int
    bug: str


SEEDS: dict[str, Seed] = {
    "a retry that had to be looked for first was forgotten when the look failed": Seed(
        24, "a_first_look_that_failed_is_forgotten"
    ),
    "a first look that met a refused credential told nobody and looked again for ever": Seed(
        247, "a_refused_first_look_tells_nobody"
    ),
    "a refused CMS key was exchanged in vain for ever and its blog never disconnected": Seed(
        27, "a_refused_key_is_exchanged_as_if_it_were_a_token"
    ),
    "an ask about a held post was answered twice and its desk tried to for ever": Seed(
        24, "an_ask_is_answered_again_when_the_channel_is_back"
    ),
    "of two asks in one breath the first was never answered": Seed(1, "an_ask_pushes_another_from_the_desk"),
    "an alarm in another process's hand was asked about without a pause": Seed(
        4, "an_alarm_in_another_hand_is_asked_about_without_a_pause"
    ),
    "a disk without room ended alarms and lanes": Seed(22, "a_full_disk_ends_the_alarms"),
    "posts of one instant changed places after a limit": Seed(5932, "posts_of_one_instant_have_no_order"),
    "a post that could not be taken for a moment went out behind those that came due after it": Seed(
        4505, "a_line_goes_by_its_turns"
    ),
    "posts that came due in one instant were decided side by side and went out in another order": Seed(
        850, "a_line_goes_by_its_turns"
    ),
    "a fact somebody put on the feed once more was taken for its end, and the rest offered again": Seed(
        124, "the_last_true_copy_is_taken_for_the_end"
    ),
    "a relay that stood still offered again what another had offered and what had aged away": Seed(
        124, "nobody_asks_how_far_another_relay_has_come"
    ),
    "an attempt whose beginning the store did not answer was dropped, and leaving left it without an outcome": Seed(
        13714, "an_attempt_that_began_unheard_is_left_lying"
    ),
    "a post that went out late gave its slot back and took it again whenever it was heard": Seed(
        1155, "what_went_out_late_is_counted_again_whenever_it_is_heard"
    ),
}

FOUND_BY: dict[str, int] = {
    "the_kill_switch_is_not_looked_at": 3,
    "a_late_send_is_told_to_nobody": 29,
    "the_checkpoint_is_written_in_a_transaction_of_its_own": 14,
    "an_alarm_is_lost_when_its_ring_meets_a_conflict": 9,
    "an_alarm_is_cleared_before_it_is_rung": 9,
    "nobody_asks_whose_epoch_it_is": 107,
    "guards_are_not_looked_at": 2,
    "a_lease_never_runs_out": 1,
    "a_bell_rings_only_before_the_append_is_written": 0,
    "an_unclear_answer_is_taken_for_a_no": 2,
    "nothing_settles_before_it_is_looked_up": 205,
    "one_look_is_enough_for_a_weak_list": 5,
    "a_limit_costs_a_try": 10,
    "a_limit_holds_the_post_alone": 12,
    "a_retry_does_not_wait": 3,
    "a_retry_waits_in_memory_alone": 1,
    "an_old_round_starts_again": 0,
    "a_disconnect_is_not_noticed": 88,
    "the_intent_is_written_after_the_call": 0,
    "a_failed_look_is_taken_for_absence": 158,
    "a_line_set_aside_for_a_grant_is_not_woken": 15,
    "a_withdrawn_post_keeps_its_place_in_line": 23,
    "two_lanes_may_have_one_line": 36,
    "a_first_look_that_failed_is_forgotten": 24,
    "a_refused_first_look_tells_nobody": 247,
    "a_message_is_acknowledged_before_it_is_written": 18,
    "other_content_under_the_same_name_is_silence": 0,
    "a_cancel_is_not_guarded": 43,
    "a_cap_is_one_too_many": 8,
    "a_moved_post_keeps_its_old_slot_too": 1,
    "whoever_was_held_is_not_called_when_the_channel_is_back": 2,
    "a_late_post_that_came_back_is_forgotten": 2,
    "what_went_out_after_midnight_counts_where_it_was_planned": 181,
    "what_went_out_late_is_counted_again_whenever_it_is_heard": 1155,
    "an_approval_brings_nobody_to_the_desk": 9237,
    "an_ask_is_answered_again_when_the_channel_is_back": 24,
    "an_ask_pushes_another_from_the_desk": 1,
    "an_alarm_in_another_hand_is_asked_about_without_a_pause": 4,
    "a_full_disk_ends_the_alarms": 22,
    "posts_of_one_instant_have_no_order": 5932,
    "a_line_goes_by_its_turns": 4505,
    "a_refused_key_is_exchanged_as_if_it_were_a_token": 27,
    "a_refused_credential_is_nobodys_business": 27,
    "a_renewed_grant_counts_as_the_one_before": 29,
    "attempts_begin_while_the_clocks_have_parted": 3,
    "a_fact_is_tried_once_too_often": 17,
    "a_fact_overtakes_the_held_one_of_its_story": 291,
    "a_text_is_tidied_on_its_way_out": 0,
    "a_link_is_dressed_for_the_campaign_of_the_day": 1,
    "an_intent_lasts_a_minute": 0,
    "whoever_leaves_waits_for_nobody": 1,
    "an_attempt_that_began_unheard_is_left_lying": 13714,
    "the_last_true_copy_is_taken_for_the_end": 6,
    "nobody_asks_how_far_another_relay_has_come": 6,
}
"""A seed that finds each planted fault, tried first; where the product has moved on, another one may."""
