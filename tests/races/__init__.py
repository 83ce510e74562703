"""Two at one asset, for every pair that could meet; the table names the tests of each.

Pairs that belong to one area are tried beside its other tests; those that cross areas are here.
Every test forces its interleaving; after each one of this folder all invariants hold.
"""

from __future__ import annotations

Tests = tuple[tuple[str, str], ...]


def _tests(module: str, *functions: str) -> Tests:
    return tuple((f"tests.{module}", function) for function in functions)


PAIRS: dict[str, Tests] = {
    "verify x verify": _tests(
        "uploads.test_races",
        "test_eight_who_verify_at_once_get_one_completion_one_job_one_answer__U2_W1_14",
        "test_a_verification_that_waited_for_another_gets_the_same_answer__U2",
    ),
    "verify x expire": _tests(
        "uploads.test_races",
        "test_expired_while_the_client_verifies__U1_W1_1",
        "test_verified_while_the_reaper_walks__U1_W1_1",
        "test_both_at_the_lock_when_the_time_ends__U1_W1_1",
    ),
    "verify x cleanup": _tests(
        "uploads.test_races",
        "test_cleaned_up_while_the_client_verifies__U1",
        "test_cleanup_at_the_lock_of_an_asset_just_verified__U1",
    ),
    "promote x promote": _tests(
        "promotion.test_deaths",
        "test_a_slow_worker_publishes_nothing_while_another_has_its_claim__W1_8",
        "test_a_slow_worker_publishes_nothing_after_its_claim_was_taken_over__W1_8",
    )
    + _tests(
        "races.test_working",
        "test_a_promoter_whose_claim_is_taken_at_the_last_moment_publishes_nothing__W1_8",
    ),
    "process x process": _tests(
        "processing.test_two_workers",
        "test_of_two_workers_one_has_the_claim_and_the_other_nothing_to_do__W1_14",
        "test_a_worker_that_was_taken_over_publishes_nothing_and_leaves_nothing__W1_8_W1_9",
    )
    + _tests(
        "races.test_working",
        "test_two_who_work_at_once_do_not_share_a_folder__row_42",
        "test_a_worker_that_was_taken_over_publishes_nothing_while_another_is_at_it__W1_9",
    ),
    "process x cancel": _tests(
        "races.test_working",
        "test_cancelled_at_a_point_of_the_work_nothing_is_published__W1_7",
        "test_a_cancellation_and_a_publication_meet_at_the_lock__W1_7",
        "test_asked_for_again_right_after_a_cancellation_it_is_made_once__W1_7",
    ),
    "process x replace": _tests(
        "races.test_working",
        "test_replaced_at_a_point_of_the_work_nothing_is_left__row_24",
        "test_a_replacement_and_a_publication_meet_at_the_lock__row_24",
        "test_what_is_replaced_here_and_attached_there_is_made__row_24",
    ),
    "process x recipe change": _tests(
        "races.test_working",
        "test_a_recipe_changed_during_the_work_does_not_claim_its_output__W1_11_row_37",
        "test_a_worker_of_the_old_recipe_does_not_overwrite_the_new_one__W1_11_row_37",
        "test_an_output_that_is_not_wanted_any_more_is_made_anew__W1_11_row_37",
    ),
    "process x purge": _tests(
        "processing.test_two_workers",
        "test_what_is_made_of_an_asset_purged_meanwhile_is_removed__W1_4",
        "test_a_worker_that_slept_through_its_own_purge_takes_back_what_it_wrote__W1_4_W1_8",
    ),
    "attach x attach": _tests(
        "attachments.test_two_people",
        "test_of_two_who_replace_a_cover_nobody_gets_an_error__U15",
        "test_two_who_add_photos_both_find_a_place",
    ),
    "attach x purge": _tests(
        "attachments.test_two_people",
        "test_purge_that_waited_for_an_attach_deletes_nothing__W1_3",
        "test_attach_that_waited_for_a_purge_is_refused__W1_3",
    ),
    "detach x detach": _tests(
        "attachments.test_two_people",
        "test_of_two_who_detach_one_gets_nothing_and_one_purge_is_queued__U15",
    ),
    "erase x erase": _tests(
        "attachments.test_two_people",
        "test_owners_of_one_asset_deleted_together_leave_one_purge_and_nothing_else__U17",
    )
    + _tests(
        "races.test_co_owners",
        "test_whichever_co_owner_goes_last_takes_the_asset_along__U17",
        "test_a_co_owner_whose_deletion_is_taken_back_keeps_the_asset__U17",
    ),
    "purge x purge": _tests(
        "races.test_purging",
        "test_of_two_purges_at_once_the_later_leaves_the_second_deletion_to_come__W1_4",
    ),
    "purge x late write": _tests(
        "races.test_purging",
        "test_what_a_sleeper_wrote_over_the_second_deletion_is_deleted__W1_4_W1_8",
        "test_what_is_taken_back_and_forgotten_by_the_queue_is_rung_for_soon",
    ),
    "regenerate x purge": _tests(
        "races.test_working",
        "test_asked_for_again_and_purged_there_is_nothing_left",
        "test_purged_during_the_work_that_was_asked_for_again",
    ),
    "reconcile x live work": _tests(
        "processing.test_two_workers",
        "test_a_writer_that_takes_its_time_is_not_taken_for_dead__W1_4",
    )
    + _tests(
        "races.test_working",
        "test_rung_for_while_it_is_made_it_is_made_once__row_20",
        "test_the_reconciler_at_the_row_of_a_worker_that_publishes",
        "test_the_reconciler_passes_over_a_row_that_somebody_decides_about",
        "test_rung_for_while_it_is_promoted_it_is_promoted_once__row_20",
    ),
    "late put x expiry": _tests(
        "races.test_late_bytes",
        "test_bytes_that_arrive_after_the_expiry_are_swept__row_28",
        "test_bytes_that_s3_takes_after_the_expiry_are_swept__row_28",
    ),
    "late put x cleanup": _tests(
        "races.test_late_bytes",
        "test_bytes_that_arrive_after_a_cleanup_are_swept__row_28",
        "test_bytes_that_s3_takes_after_a_cleanup_are_swept__row_28",
        "test_of_bytes_sent_twice_the_slow_ones_leave_nothing_after_the_promotion__row_28",
    ),
}
