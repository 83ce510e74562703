"""What is made of the bytes, and what of it is published."""

from __future__ import annotations

from tests.durability.mutants.bench import Mutant, tests

MUTANTS = (
    Mutant(
        "publication-without-fence",
        "W1.9: a slow worker publishes after its claim was taken over",
        "rindle_django/processing/publish.py",
        'where=claims.held(variant) & Condition("recipe_digest = %s", variant.recipe_digest),',
        'where=Condition("recipe_digest = %s", variant.recipe_digest),',
        tests(
            "races/test_working",
            "test_a_worker_that_was_taken_over_publishes_nothing_while_another_is_at_it__W1_9",
        ),
    ),
    Mutant(
        "publication-under-a-changed-recipe",
        "W1.11, row 37: bytes of the old recipe are published as the new",
        "rindle_django/processing/publish.py",
        'where=claims.held(variant) & Condition("recipe_digest = %s", variant.recipe_digest),',
        "where=claims.held(variant),",
        tests(
            "races/test_working",
            "test_an_output_that_is_not_wanted_any_more_is_made_anew__W1_11_row_37",
        ),
    ),
    Mutant(
        "publication-before-the-bytes",
        "M5: what is ready may not be there",
        "rindle_django/processing/storing.py",
        "    written = [_store(asset, each) for each in (*parts, main)]\n",
        "    written = [\n"
        "        Confirmed(each.stored, each.path.stat().st_size, each.content_type, '')\n"
        "        for each in (*parts, main)\n"
        "    ]\n"
        "    publish_all(\n"
        "        asset,\n"
        "        [Finished(attempt.variant, attempt.output, attempt.run, rendered, written)],\n"
        "    )\n"
        "    for each in (*parts, main):\n"
        "        _store(asset, each)\n",
        tests(
            "jobs/test_tries",
            "test_processing_runs_five_times_and_then_failed_means_spent__W1_19",
        ),
    ),
    Mutant(
        "former-output-left-behind",
        "W1.8: what is not served any more stays in storage",
        "rindle_django/processing/retire.py",
        "    ledger.retire(objects, keep_for=grace)\n",
        "",
        tests(
            "processing/test_two_workers",
            "test_a_remade_variant_replaces_its_object_and_dooms_the_former__W1_8",
        ),
    ),
    Mutant(
        "failed-output-left-behind",
        "W1.8: an attempt that failed leaves an object without a row",
        "rindle_django/processing/publish.py",
        "            ledger.doom([output], settled=settled)\n",
        "",
        tests(
            "races/test_working",
            "test_asked_for_again_and_purged_there_is_nothing_left",
        )
        + tests(
            "jobs/test_tries",
            "test_a_failed_attempts_output_is_given_up_at_once__W1_8",
        ),
    ),
    Mutant(
        "size-instead-of-hash",
        "M8, S13: other bytes of the same length are taken for the original",
        "rindle_django/processing/storing.py",
        "    if digest.hexdigest() != asset.sha256:\n",
        "    if path.stat().st_size != asset.byte_size:\n",
        tests(
            "promotion/test_freeze",
            "test_an_original_that_rotted_without_changing_its_length_is_found_out__S13",
        ),
    ),
    Mutant(
        "cancelled-work-goes-on",
        "W1.7, U18: a worker does not look whether it was cancelled",
        "rindle_django/claims.py",
        "            holding.renew()\n        holding.look()\n",
        "            holding.renew()\n",
        tests(
            "processing/test_cancel",
            "test_a_running_variant_is_really_stopped__W1_7_U18",
        ),
    ),
    Mutant(
        "promotion-without-claim",
        "W1.14: two jobs promote one asset",
        "rindle_django/promotion/promote.py",
        '            return asset if claims.take(asset, "analyzing") else None\n',
        '            claims.take(asset, "analyzing")\n            return asset\n',
        tests(
            "promotion/test_retries",
            "test_of_four_who_promote_at_once_one_does__W1_14",
        )
        + tests(
            "processing/test_two_workers",
            "test_many_promotions_let_go_together_promote_once__W1_14",
        ),
    ),
    Mutant(
        "promotion-without-fence",
        "W1.8: a slow promoter publishes while another has its claim",
        "rindle_django/promotion/promote.py",
        "            where=claims.held(asset),\n",
        "",
        tests(
            "races/test_working",
            "test_a_promoter_whose_claim_is_taken_at_the_last_moment_publishes_nothing__W1_8",
        ),
    ),
    Mutant(
        "original-verified-instead-of-the-copy",
        "M8, U4, row 30: what is checked is not what is served",
        "rindle_django/promotion/inspect.py",
        "    size = adapter_for(frozen.storage).download(\n        frozen.key, ",
        "    size = adapter_for(frozen.storage).download(\n        session.staging.key, ",
        tests(
            "promotion/test_freeze",
            "test_a_copy_that_breaks_off_is_not_taken_for_the_original__S4",
            "test_bytes_changed_after_the_freeze_never_reach_what_is_served__U4_S13",
        ),
    ),
    Mutant(
        "declared-hash-ignored",
        "S13: size and type have to do, as an ETag would",
        "rindle_django/promotion/inspect.py",
        "    if session.sha256 and digest.hexdigest() != session.sha256:\n",
        "    if session.sha256 and size != session.byte_size:\n",
        tests(
            "promotion/test_freeze",
            "test_the_declared_checksum_pins_the_bytes_from_the_first_moment__U4",
        ),
    ),
    Mutant(
        "outage-quarantines",
        "M9, W1.5, U19: a storage that does not answer condemns the file",
        "rindle_django/promotion/promote.py",
        "            if classify(error) is not Kind.CONTENT:\n",
        "            if classify(error) is Kind.CONFIGURATION:\n",
        tests(
            "promotion/test_retries",
            "test_an_outage_retries_and_never_quarantines__U19_W1_5",
        ),
    ),
    Mutant(
        "parts-left-behind",
        "W1.8: a main object goes, and the files that it speaks of stay",
        "rindle_django/ledger.py",
        "filter(Q(pk__in=outputs) | Q(part_of__in=outputs))",
        "filter(pk__in=outputs)",
        tests(
            "transcoding/test_parts",
            "test_a_stream_made_anew_replaces_all_files_and_removes_the_former__W1_8",
        ),
    ),
    Mutant(
        "lost-part-goes-unnoticed",
        "W4.11: a stream is ready whose playlist speaks of what is not there",
        "rindle_django/operations/verify/remedy.py",
        "    output = StoredObject.objects.get(pk=stored.part_of_id or stored.pk)\n",
        "    output = stored\n",
        tests(
            "transcoding/test_parts",
            "test_a_lost_part_makes_the_whole_variant_missing__W4_11",
        ),
    ),
    Mutant(
        "one-death-costs-all-variants",
        "a worker claims all variants of a film at once",
        "rindle_django/processing/claim.py",
        "(still and made_along(each))",
        "each.attempts == 0",
        tests(
            "transcoding/test_working",
            "test_who_is_at_one_leaves_others_of_the_same_kind_to_others",
        ),
    ),
    Mutant(
        "job-for-the-one-that-it-names",
        "P10: images whose job names one that was cancelled wait for the reconciler",
        "rindle_django/processing/claim.py",
        "AND (variant.name = %s OR variant.kind = 'image' AND variant.attempts = 0)",
        "AND variant.name = %s",
        tests(
            "processing/test_cancel",
            "test_one_of_several_can_be_cancelled_whichever_their_job_names",
        ),
    ),
    Mutant(
        "late-news-of-who-was-overtaken",
        "W1.9: who was overtaken writes how far it is on another's row",
        "rindle_django/claims.py",
        "                lease.update(**news)\n",
        "                type(row).objects.filter(pk=row.pk).update(**news)\n",
        tests(
            "transcoding/test_working",
            "test_how_far_it_has_come_is_on_the_row_while_it_is_made",
        ),
    ),
    Mutant(
        "work-for-an-asset-in-quarantine-goes-on",
        "W3.8: FFmpeg runs for nobody",
        "rindle_django/claims.py",
        "lease.filter(row.wanted).exists()",
        "lease.exists()",
        tests(
            "transcoding/test_stopping",
            "test_one_of_an_asset_that_is_quarantined_is_stopped__W1_7_W3_8",
        ),
    ),
    Mutant(
        "working-copy-of-the-living-swept",
        "row 42: a folder in which work goes on is removed",
        "rindle_django/workspace.py",
        "    except BlockingIOError:\n        return False\n",
        "    except BlockingIOError:\n        return None\n",
        tests(
            "domain/test_workspaces",
            "test_what_the_dead_left_goes_at_once_and_what_the_living_hold_stays",
        ),
    ),
    Mutant(
        "working-copies-share-a-name",
        "S6, row 42: one worker's file under another's name",
        "rindle_django/workspace.py",
        "    return Path(tempfile.mkdtemp(prefix=PREFIX + kind, dir=root()))\n",
        '    folder = root() / f"{PREFIX}{kind}copy"\n'
        "    folder.mkdir(exist_ok=True)\n    return folder\n",
        tests(
            "races/test_working",
            "test_two_who_work_at_once_do_not_share_a_folder__row_42",
        ),
    ),
)
