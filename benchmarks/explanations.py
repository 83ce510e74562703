"""Why a target is missed, where it is: by the figure's key, a sentence or two for the reader."""

from __future__ import annotations

_OVER_LIBVIPS = (
    "Decoding and encoding take less of the processors than libvips by itself does (63 ms a photo "
    "to 92), and durability takes 86 ms more: 58 in the workers' Python, 22 in Postgres, 6 in the "
    "caller. That is five jobs, some seventy statements, five transactions that wait for the disk "
    "and a dozen files and folders that are synced. Two processors are busy for nine tenths of it: "
    "to reach the target, all that is not pixels would have to fit into "
)

# Shares by EXPLAIN ANALYZE of 20,000 rows, processor time by a run of as many, on a busy machine.
_OVER_ROWS = (
    "What is used up is the processors, of which two connections use up to two. {parts} "
    "Bare SQL changes all rows by one statement a table and locks nobody out, and takes {bare} µs "
    "of the database's time a row. Ours takes {ours} and {python} in Python: it goes by batches, "
    "so that it can be stopped and holds nobody up, and decides about each row under its lock."
)

WHY_MISSED: dict[str, str] = {
    "images.large.over_each": f"{_OVER_LIBVIPS}37 ms.",
    "images.large.over_chained": f"{_OVER_LIBVIPS}44 ms.",
    "images.small.over_chained": (
        "Of the 110 ms of the processors that a small photo takes, 21 are the decoder's. The rest "
        "is the same durability as for a large photo, and the target leaves 14 ms for it: four "
        "jobs of Procrastinate that do nothing take about as much."
    ),
    "images.small.over_best_peer": (
        "A function that is called straight away has no upload to verify, no rows and no jobs. "
        "A decoding that is shared by all variants makes up for them: by the line through both "
        "sets of photos, from three to four megapixels on."
    ),
    "latency.first_variant": (
        "It is divided by one call for the same small variant, for which libvips reads the photo "
        "at an eighth. Ours reads it once for all three, at the size that the largest needs, and "
        "two jobs are fetched on the way: about 50 ms pass until the second begins, which include "
        "a frozen copy, its hash and its look inside. The details have libvips' call for the "
        "largest one, too."
    ),
    "memory.peak": (
        "The decoder alone takes two thirds of what bare libvips does. The rest is the worker: "
        "Python, Django, psycopg, Procrastinate and ours, 66 MB of modules for the most part. Runs "
        "differ by more than what is missing."
    ),
    "verify.time": (
        "Seven round trips to four, and of the time most is Django's: its rows and statements are "
        "put together in Python, where the bare transaction sends two constant texts."
    ),
    "rows.cleanup": _OVER_ROWS.format(
        parts="Of the database's work for an asset, some 28 % is the asset's own row with its nine "
        "indexes and two triggers, 27 % its purge job with the queue's triggers, 23 % the row of "
        "its object, 10 % history, and the rest reading, locking and counting.",
        bare=74,
        ours=112,
        python=32,
    ),
    "rows.abort": _OVER_ROWS.format(
        parts="Of the database's work for an upload, some 70 % is its row, whose seven indexes all "
        "get a new entry, 23 % history, 4 % the lock of its asset and 3 % reading.",
        bare=27,
        ours=47,
        python=14,
    ),
    "rows.reconcile": _OVER_ROWS.format(
        parts="Of the database's work a row, about 53 % is its job with the queue's triggers and "
        "47 % to put off when it is due again.",
        bare=44,
        ours=54,
        python=10,
    ),
}
