"""Who may decide about a row, and who may work on it."""

from __future__ import annotations

from tests.durability.mutants.bench import Mutant, tests

MUTANTS = (
    Mutant(
        "transition-from-any-state",
        "M1, W1.14: a state is written by primary key alone",
        "rindle_django/moves.py",
        "= ANY(%s::uuid[]) AND state = ANY(%s) AND ({condition})",
        "= ANY(%s::uuid[]) AND (%s IS NOT NULL) AND ({condition})",
        tests(
            "domain/test_transition",
            "test_only_from_narrows_the_sources_and_never_widens_them",
            "test_an_edge_that_is_not_in_the_table_is_a_lost_race",
        ),
    ),
    Mutant(
        "asset-decided-without-its-lock",
        "M7, W1.9, D2: two who settle an asset do not see each other",
        "rindle_django/lifecycle.py",
        ' AND {condition} FOR UPDATE"',
        ' AND {condition}"',
        tests(
            "processing/test_two_workers",
            "test_who_settles_an_asset_waits_for_the_other_and_sees_what_it_did__D2_W1_9",
        )
        + tests(
            "domain/test_aggregate",
            "test_the_last_to_finish_waits_for_the_one_before_and_sees_its_result__D2_W1_9",
        ),
    ),
    Mutant(
        "events-before-commit",
        "M12, D9, W2.1: told of what is then rolled back",
        "rindle_django/outbox.py",
        "    transaction.on_commit(_Telling(list(ids)), using=database(), robust=True)\n",
        "    emit_pending(ids)\n",
        tests(
            "domain/test_transition",
            "test_an_event_waits_for_the_outermost_commit__D9",
        ),
    ),
    Mutant(
        "quarantine-does-not-absorb",
        "D1: what is computed leads out of quarantine",
        "rindle_django/processing/aggregate.py",
        "        if asset.state != wanted and asset.state in VERIFIED_ASSET_STATES:\n"
        "            moving[wanted].append(asset)",
        "        if asset.state != wanted:\n"
        "            Asset.objects.filter(pk=asset.pk).update(state=wanted)",
        tests(
            "domain/test_aggregate",
            "test_an_asset_that_is_not_verified_or_has_ended_is_left_alone__D1",
        )
        + tests(
            "promotion/test_deaths",
            "test_no_finishing_variant_brings_an_ended_asset_back__D1_W1_10",
        ),
    ),
    Mutant(
        "tries-counted-at-the-end",
        "P8, W1.6, row 41: work that kills its worker is never counted",
        "rindle_django/claims.py",
        '        "attempts": F("attempts") + 1,\n',
        "",
        tests(
            "promotion/test_deaths",
            "test_a_variant_that_kills_five_workers_has_failed__W1_6",
            "test_a_file_that_kills_every_worker_is_quarantined__W1_6",
        ),
    ),
    Mutant(
        "killed-attempt-trips-the-next",
        "W1.6: whoever comes next finds the row in its working state",
        "rindle_django/claims.py",
        "    fresh = [row for row in rows if row.state != working_state]\n",
        "    fresh = list(rows)\n",
        tests(
            "promotion/test_deaths",
            "test_a_killed_variant_is_entered_again__W1_6_D8_D10",
            "test_a_killed_attempt_is_entered_again__W1_6_D8",
        ),
    ),
    Mutant(
        "claim-while-another-holds-it",
        "M2, row 20: a second worker does not look at the lease",
        "rindle_django/claims.py",
        '"(lease_until IS NULL OR lease_until <= statement_timestamp())"',
        '"(true)"',
        tests(
            "processing/test_two_workers",
            "test_of_two_workers_one_has_the_claim_and_the_other_nothing_to_do__W1_14",
        ),
    ),
    Mutant(
        "lease-by-the-clock-of-the-app",
        "M10, row 22: a worker whose clock is wrong outlives or loses its lease",
        "rindle_django/claims.py",
        "    return Now() + timedelta(seconds=seconds)\n",
        "    from django.db.models import Value\n"
        "    from django.utils import timezone\n\n"
        "    return Value(timezone.now() + timedelta(seconds=seconds))\n",
        tests(
            "domain/test_clock",
        ),
    ),
    Mutant(
        "no-self-fencing",
        "M2, row 9: a worker that cannot renew its claim goes on",
        "rindle_django/claims.py",
        "        return _clock() - self._renewed < config().LEASE * SURE_FOR\n",
        "        return True\n",
        tests(
            "domain/test_holding",
            "test_who_cannot_renew_a_claim_gives_it_up_before_it_ends__row_9",
        ),
    ),
    Mutant(
        "lease-never-renewed",
        "M2, W1.4: a worker that takes its time is taken for dead",
        "rindle_django/claims.py",
        "            holding.renew()\n",
        "            holding.look()\n",
        tests(
            "domain/test_holding",
            "test_a_claim_and_what_is_written_under_it_are_renewed_in_time__row_9",
        ),
    ),
)
