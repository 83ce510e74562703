"""Jobs, and what makes up for those that are lost."""

from __future__ import annotations

from tests.durability.mutants.bench import Mutant, tests

MUTANTS = (
    Mutant(
        "refused-job-aborts-the-transaction",
        "E1c2: rows are lost in silence when a singleton is queued already",
        "rindle_django/jobs.py",
        "        with suppress(exceptions.AlreadyEnqueued), transaction.atomic(using=alias):\n",
        "        with suppress(exceptions.AlreadyEnqueued):\n",
        tests(
            "jobs/test_tries",
            "test_a_second_ring_for_a_singleton_does_not_abort_the_callers_transaction",
        ),
    ),
    Mutant(
        "jobs-outlive-a-rollback",
        "P1, E2: enqueued on the worker's own connection",
        "rindle_django/jobs.py",
        "        _insert(about, arguments)\n",
        "        from procrastinate.contrib.django import app\n\n"
        "        deferrer = app.configure_task(job.name, queue=job.queue, priority=priority)\n"
        "        deferrer.batch_defer(*[dict(each) for each in arguments])\n",
        tests(
            "jobs/test_worker_process",
            "test_a_rolled_back_block_inside_a_running_task_leaves_no_job_and_no_change",
        ),
    ),
    Mutant(
        "reconciler-reads-the-queue",
        "P10, W1.13, row 7: what the queue forgot is forgotten",
        "rindle_django/operations/reconcile.py",
        "_claim_due(Variant, DueVariant._fields, limit)]\n",
        "_claim_due(\n"
        "            Variant, DueVariant._fields, limit,\n"
        '            "EXISTS (SELECT FROM procrastinate_jobs WHERE"\n'
        "            \" args->>'asset_id' = rindle_variant.asset_id::text)\"\n"
        "        )]\n",
        tests(
            "jobs/test_reconcile",
            "test_lost_variants_are_rung_for_once_together__W1_13",
        ),
    ),
    Mutant(
        "nobody-rings-again",
        "P10, row 7: a promotion whose job was lost waits for ever",
        "rindle_django/operations/reconcile.py",
        "        assets=_in_parts(_ring_assets, limit),\n",
        "        assets=0,\n",
        tests(
            "jobs/test_reconcile",
            "test_a_lost_promotion_is_rung_for_once__row_7",
        ),
    ),
    Mutant(
        "dead-writers-output-forgotten",
        "W1.8, row 5: an object that nobody published is never given up",
        "rindle_django/operations/reconcile.py",
        "        abandoned=_in_parts(_doom_abandoned, limit),\n",
        "        abandoned=0,\n",
        tests(
            "jobs/test_reconcile",
            "test_what_a_dead_writer_expected_is_given_up_after_its_time",
        ),
    ),
    Mutant(
        "live-work-taken-for-stalled",
        "P12, E4: a worker that drains is taken for dead",
        "rindle_django/operations/stalled.py",
        "        WHERE rindle_variant.asset_id = about.asset_id AND lease_until > now())\n",
        "        WHERE false)\n",
        tests(
            "jobs/test_stalled",
            "test_a_job_under_a_live_lease_is_left_alone_however_old",
        ),
    ),
)
