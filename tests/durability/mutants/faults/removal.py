"""What is deleted, when, and what is written down about it."""

from __future__ import annotations

from tests.durability.mutants.bench import Mutant, tests

MUTANTS = (
    Mutant(
        "every-deletion-taken-for-done",
        "W1.2: rows are struck off for objects that the storage kept",
        "rindle_django/purge.py",
        "    gone = [stored for stored in objects if stored.key in confirmed]\n",
        "    gone = list(objects)\n",
        tests(
            "purge/test_purge",
            "test_purge_keeps_rows_the_storage_did_not_confirm__W1_2",
            "test_a_partial_answer_keeps_exactly_what_was_not_confirmed__W1_2",
        ),
    ),
    Mutant(
        "rows-dropped-before-the-objects",
        "W1.2, M6: the only record of the keys goes first",
        "rindle_django/purge.py",
        "            if (remaining := ledger.remaining(asset_id)).exists():\n",
        "            if (remaining := ledger.remaining(asset_id).none()).exists():\n",
        tests(
            "purge/test_purge",
            "test_purge_keeps_rows_the_storage_did_not_confirm__W1_2",
        ),
    ),
    Mutant(
        "purge-succeeds-whatever-it-left",
        "W1.2: a failed deletion is not tried again",
        "rindle_django/purge.py",
        "    if report.kept:\n        raise",
        "    if report.kept < 0:\n        raise",
        tests(
            "jobs/test_tries",
            "test_a_purge_runs_three_times_a_round",
        ),
    ),
    Mutant(
        "deletes-what-its-rows-name",
        "W1.4, row 26: the list of deletions is made from variants, not from the ledger",
        "rindle_django/purge.py",
        "    for stored in ledger.deletable(asset_id):\n",
        "    for stored in ledger.deletable(asset_id):\n"
        "        if stored.purpose == 'variant' and not hasattr(stored, 'published_as'):\n"
        "            continue\n",
        tests(
            "processing/test_two_workers",
            "test_what_is_made_of_an_asset_purged_meanwhile_is_removed__W1_4",
        ),
    ),
    Mutant(
        "second-deletion-forgotten-by-another",
        "W1.4, W1.8: a purge calls off a deletion that was asked for while it was at it",
        "rindle_django/ledger.py",
        "rows.filter(settles_at__lte=newest).update(wake_at=None)",
        "rows.update(wake_at=None)",
        tests(
            "races/test_purging",
            "test_what_a_sleeper_wrote_over_the_second_deletion_is_deleted__W1_4_W1_8",
        ),
    ),
    Mutant(
        "deleted-while-it-is-written",
        "W1.4, row 26: a late write overtakes the deletion",
        "rindle_django/ledger.py",
        '    "(settles_at IS NULL OR settles_at <= statement_timestamp())"\n',
        '    "(true)"\n',
        tests(
            "purge/test_purge",
            "test_an_object_is_not_deleted_while_somebody_may_still_write_it",
        )
        + tests(
            "purge/test_cleanup",
            "test_a_late_writer_is_waited_for",
        ),
    ),
    Mutant(
        "no-second-deletion",
        "M6, row 26: what a sleeping writer brought back stays",
        "rindle_django/ledger.py",
        "    wake_at = statement_timestamp() + make_interval(secs => %s::float8),\n",
        "    wake_at = CASE WHEN %s::float8 IS NULL THEN wake_at END,\n",
        tests(
            "jobs/test_reconcile",
            "test_what_was_deleted_is_deleted_once_more_and_never_woken_again",
        ),
    ),
    Mutant(
        "key-used-again",
        "M4, W1.8: whoever removes its own object removes another's",
        "rindle_django/ledger.py",
        '{asset.pk}/{identity}{extension}"',
        '{asset.pk}/{purpose}{extension}"',
        tests(
            "domain/test_constraints",
            "test_every_key_is_new_even_for_the_same_asset_and_purpose__W1_8",
        ),
    ),
    Mutant(
        "purge-without-a-look-at-attachments",
        "W1.3, row 25: attached since it was to be purged, and purged all the same",
        "rindle_django/purge.py",
        "            if asset.purge_requested_at is not None and not asset.attachments.exists():\n",
        "            if asset.purge_requested_at is not None or asset.attachments.exists():\n",
        tests(
            "attachments/test_two_people",
            "test_purge_that_waited_for_an_attach_deletes_nothing__W1_3",
        ),
    ),
    Mutant(
        "late-bytes-stay",
        "row 28: bytes that were sent twice outlive the purge",
        "rindle_django/views/files.py",
        "    take_back(session.staging)\n",
        "",
        tests(
            "races/test_late_bytes",
            "test_of_bytes_sent_twice_the_slow_ones_leave_nothing_after_the_promotion__row_28",
        ),
    ),
    Mutant(
        "attach-without-lock",
        "W1.3, U15, row 25: attach commits between a purge's check and its tombstone",
        "rindle_django/attachments/changes.py",
        "    rows = Asset.objects.select_for_update().filter(pk__in=list(ids))",
        "    rows = Asset.objects.filter(pk__in=list(ids))",
        tests(
            "attachments/test_two_people",
            "test_attach_that_waited_for_a_purge_is_refused__W1_3",
        ),
    ),
    Mutant(
        "co-owners-erased-side-by-side",
        "U17, row 45: each leaves the asset to the other, and nobody purges it",
        "rindle_django/attachments/changes.py",
        "        _remove(present, lock_assets([row.asset_id for row in present]))\n",
        "        ids = [row.asset_id for row in present]\n"
        "        rows = Asset.objects.filter(pk__in=ids)\n"
        "        _remove(present, {str(asset.pk): asset for asset in rows})\n",
        tests(
            "races/test_co_owners",
            "test_whichever_co_owner_goes_last_takes_the_asset_along__U17",
        )
        + tests(
            "attachments/test_two_people",
            "test_owners_of_one_asset_deleted_together_leave_one_purge_and_nothing_else__U17",
        ),
    ),
    Mutant(
        "attachments-cascade",
        "W1.3: a purge takes a new attachment along in silence",
        "rindle_django/models/attachment.py",
        'asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="attachments")',
        'asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="attachments")',
        tests(
            "domain/test_constraints",
            "test_the_orm_takes_no_attachment_along_with_its_asset__W1_3",
        ),
    ),
)
