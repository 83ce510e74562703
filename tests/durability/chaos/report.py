"""What a run says of itself: how much was done, what was broken, and how long things took."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from tests.durability.chaos import journal
from tests.durability.chaos.judge import Verdict

BUCKET = 10
SHOWN = 15

READY = """
SELECT floor((extract(epoch FROM at) - %s) / %s)::int, count(*) FROM rindle_transition
WHERE subject = 'asset' AND to_state = 'ready' GROUP BY 1
"""
RUNS = "SELECT outcome, count(*) FROM rindle_processingrun GROUP BY 1"
# The next attempt at what a killed worker had in its hands. Attempts that began after its death
# belong to another process with the same number.
RESUMED = """
SELECT extract(epoch FROM following.started_at) - dead.at
FROM unnest(%s::int[], %s::float8[]) AS dead(pid, at)
JOIN rindle_processingrun held ON held.worker LIKE '%%:' || dead.pid AND held.outcome = 'lost'
 AND extract(epoch FROM held.started_at) BETWEEN dead.at - %s AND dead.at
CROSS JOIN LATERAL (
    SELECT started_at FROM rindle_processingrun
    WHERE variant_id = held.variant_id AND fence > held.fence ORDER BY fence LIMIT 1) AS following
"""


@dataclass(frozen=True)
class Story:
    """When it began and how long the nemesis was at it, in seconds; what was killed when."""

    began: float
    seconds: float
    killed: Sequence[tuple[int, float]]
    deeds: Counter[str]
    ended: Counter[str]
    restarts: Sequence[tuple[float, str]]


def tell(story: Story, verdict: Verdict) -> str:
    acts = Counter(line[2] for line in journal.lines(journal.HISTORY))
    sections = [
        _faults(story),
        ["", "Clients were told", *_table(acts), *_reasons()],
        _chart(story),
        _runs(),
        _resumption(story),
        ["", f"The harness took {_megabytes():.0f} MB at most."],
        [f"Workers and clients took {_processor():.0f} s of the processor."],
        *(_wrong(name, found) for name, found in vars(verdict).items() if found),
    ]
    return "\n".join(line for section in sections for line in section)


def summary(story: Story, verdict: Verdict) -> str:
    """The line that is read by machines."""
    return (
        f"uploads: {uploads()} kills: {len(story.killed)} lost: {len(verdict.lost)}"
        f" leaked: {len(verdict.leaked)} stuck: {len(verdict.stuck)}"
        f" duplicates: {len(verdict.duplicates)}"
    )


def faults(story: Story) -> Counter[str]:
    """Every kind of fault, and how often it struck."""
    storage = Counter(f"storage: {line[2]}" for line in journal.lines(journal.FAULTS))
    return story.deeds + storage


def uploads() -> int:
    """How many verifications were acknowledged, each upload counted once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT asset) FROM history WHERE act = 'verified'")
        return int(cursor.fetchone()[0])


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def _faults(story: Story) -> list[str]:
    return ["Faults", *_table(faults(story)), "", "Ends of processes", *_table(story.ended)]


def _table(counts: Counter[str]) -> list[str]:
    return [f"  {name:<36} {count:>7}" for name, count in sorted(counts.items())]


def _reasons() -> list[str]:
    reasons = Counter(line[4] for line in journal.lines(journal.HISTORY) if line[2] == "gave up")
    return [f"    gave up: {name:<25} {count:>7}" for name, count in sorted(reasons.items())]


def _chart(story: Story) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(READY, [story.began, BUCKET])
        ready = dict(cursor.fetchall())
    verified: Counter[int] = Counter()
    for line in journal.lines(journal.HISTORY):
        if line[2] == "verified":
            verified[int((float(line[0]) - story.began) // BUCKET)] += 1
    restarts = {int((at - story.began) // BUCKET): mode for at, mode in story.restarts}
    most = max([1, *ready.values(), *verified.values()])
    lines = ["", f"Every {BUCKET} s: verified, ready (#), restarts of Postgres"]
    for bucket in range(max([0, *ready, *verified]) + 1):
        count = ready.get(bucket, 0)
        bar = "#" * round(40 * count / most)
        lines.append(
            f"  {bucket * BUCKET:>5} s {verified[bucket]:>5} {count:>5}  {bar:<40}"
            f" {restarts.get(bucket, '')}".rstrip()
        )
    return lines


def _runs() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(RUNS)
        runs = Counter(dict(cursor.fetchall()))
    wasted, total = runs["superseded"] + runs["lost"], max(1, runs.total())
    return [
        "",
        "Attempts at variants",
        *_table(runs),
        f"  wasted: {100 * wasted / total:.1f} % of {total}",
    ]


def _resumption(story: Story) -> list[str]:
    waited = resumptions(story.killed, story.seconds)
    found = " ".join(
        f"p{share}: {percentile(waited, share / 100):.1f} s" for share in (50, 95, 99) if waited
    )
    return [f"\nFrom kill to resumption, for {len(waited)} attempts that were held: {found}"]


def resumptions(killed: Sequence[tuple[int, float]], longest: float) -> list[float]:
    """Seconds from each worker's death to the next attempt at what it held; ``longest`` is how
    long an attempt may have been under way."""
    pids, times = [pid for pid, _ in killed], [at for _, at in killed]
    with connection.cursor() as cursor:
        cursor.execute(RESUMED, [pids, times, longest])
        return [float(row[0]) for row in cursor.fetchall()]


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _processor() -> float:
    """Of this process and of all that it has waited for; Postgres and decoders are not."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _wrong(name: str, found: Iterable[object]) -> list[str]:
    sentences = [str(each) for each in found]
    more = [f"  and {len(sentences) - SHOWN} more"] if len(sentences) > SHOWN else []
    return ["", f"{name.upper()}: {len(sentences)}", *(f"  {s}" for s in sentences[:SHOWN]), *more]
