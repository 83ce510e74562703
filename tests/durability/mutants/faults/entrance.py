"""Uploads, and the storages that they go to."""

from __future__ import annotations

from tests.durability.mutants.bench import Mutant, tests

MUTANTS = (
    Mutant(
        "expiry-without-compare-and-set",
        "U1, W1.1, row 27: the reaper overwrites a completed upload",
        "rindle_django/uploads/verify.py",
        "        return transition(\n"
        "            session,\n"
        '            "expired",\n'
        '            where=Condition("expires_at <= statement_timestamp()"),\n',
        "        rows = UploadSession.objects.filter(pk=session.pk)\n"
        '        rows.update(state="expired")\n'
        "        return transition(\n"
        "            session,\n"
        '            "expired",\n'
        '            where=Condition("expires_at <= statement_timestamp()"),\n',
        tests(
            "uploads/test_races",
            "test_verified_while_the_reaper_walks__U1_W1_1",
        ),
    ),
    Mutant(
        "expiry-before-its-time",
        "U1, W1.1: an upload that was still open is taken for over",
        "rindle_django/uploads/verify.py",
        '            "expired",\n'
        '            where=Condition("expires_at <= statement_timestamp()"),\n',
        '            "expired",\n',
        tests(
            "uploads/test_run_out",
        )
        + tests(
            "purge/test_cleanup",
            "test_expiring_is_decided_again_under_the_lock_and_never_hits_a_completed_upload",
        ),
    ),
    Mutant(
        "every-verification-counts",
        "U2, W1.14, row 29: each of two who verify queues a promotion",
        "rindle_django/uploads/verify.py",
        '        if transition(session, "verifying", where=in_time, along=confirmation):\n',
        "        jobs.enqueue(jobs.PROMOTE, asset_id=str(asset.pk))\n"
        '        if transition(session, "verifying", where=in_time, along=confirmation):\n',
        tests(
            "uploads/test_races",
            "test_a_verification_that_waited_for_another_gets_the_same_answer__U2",
        ),
    ),
    Mutant(
        "completion-after-its-time",
        "W1.1: an upload is completed after its time",
        "rindle_django/uploads/verify.py",
        '        in_time = Condition("expires_at > statement_timestamp()") & lock_of(asset)\n',
        "        in_time = lock_of(asset)\n",
        tests(
            "uploads/test_races",
            "test_both_at_the_lock_when_the_time_ends__U1_W1_1",
        ),
    ),
    Mutant(
        "refusal-taken-for-absence",
        "M9, row 16: a 403 means that the object is missing",
        "rindle_django/storage/s3/errors.py",
        '    "NoSuchKey": "object_missing",\n',
        '    "NoSuchKey": "object_missing",\n    "AccessDenied": "object_missing",\n'
        '    "403": "object_missing",\n',
        tests(
            "storage/test_s3_outage",
            "test_an_outage_is_never_absence__row_16",
        ),
    ),
    Mutant(
        "decoder-outlives-its-worker",
        "row 8: the child of a killed worker goes on",
        "rindle_django/media/confinement.py",
        "    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)\n",
        "",
        tests(
            "media/test_sandbox",
            "test_it_dies_with_its_worker__row_8",
        ),
    ),
)
