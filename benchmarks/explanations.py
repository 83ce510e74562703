"""Why a target is missed, where it is: by the figure's key, a sentence or two for the reader."""

from __future__ import annotations

_OVER_LIBVIPS = (
    "Decoding and encoding take less of the processors than libvips by itself does (63 ms a photo "
    "to 92), and durability takes 86 ms more: 58 in the workers' Python, 22 in Postgres, 6 in the "
    "caller. That is two jobs, some forty statements, seven transactions that wait for the disk "
    "and a dozen files and folders that are synced. Two processors are busy for nine tenths of it: "
    "to reach the target, all that is not pixels would have to fit into "
)

_OVER_ROWS = (
    "What is used up is the processor of the one connection, not the disk. Bare SQL, which changes "
    "all rows by one statement a table in the order that they lie in and locks nobody out, makes "
    "{bare} rows a second. Ours goes by batches of a thousand, so that it can be stopped and holds "
    "nobody up{more}; ids are random, so each batch visits a thousand pages. "
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
        bare="13,600", more=", and locks each asset before it decides about it"
    )
    + "An asset has nine indexes and two triggers, and each leaves a purge job, whose table has "
    "triggers of the queue's own: bare SQL does not reach the target either.",
    "rows.abort": _OVER_ROWS.format(
        bare="38,200", more=", and locks the asset of each upload before the upload"
    )
    + "That lock is a write of its own, which bare SQL goes without.",
    "rows.reconcile": _OVER_ROWS.format(
        bare="24,400", more=", passing over what others ring for"
    ).rstrip(),
}
