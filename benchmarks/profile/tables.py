"""What the profile found, as tables of the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

LEAST = 0.01  # of the whole: what is less is told together
LARGE, SMALL = "12–20 MP", "1 MP"

Found = Mapping[str, float]


def tables(found: Found) -> str:
    sections = {
        "Time of processors by layer, in ms a photo": _layers(found),
        "The same by the function of ours that it is spent for": _of_both(found, "purpose", "For"),
        "The same by the function that is at work": _of_both(found, "function", "In"),
        f"What Postgres plans and executes, {LARGE}, in ms a photo by the clock": _asked(found),
        "A verification, and the bare transaction beside it, in ms": _verifications(found),
        "12 megapixels with a worker at rest, in ms after `verify_upload` is called": _way(found),
        "Resident memory with a JPEG of 100 megapixels, in MB, modules by package": _memory(found),
    }
    return "".join(f"{title}:\n\n{table}" for title, table in sections.items())


def of(found: Found, prefix: str) -> dict[str, float]:
    """Those that begin with it, by the rest of their names."""
    return {
        name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)
    }


def layers(found: Found, which: str) -> dict[str, float]:
    return _gathered(of(found, f"{which}.layer."))


def _gathered(amounts: Found) -> dict[str, float]:
    """What is least is told together, at the end."""
    whole = sum(amounts.values())
    shown = {name: amount for name, amount in amounts.items() if amount >= LEAST * whole}
    return {**shown, "all else": whole - sum(shown.values())}


def _layers(found: Found) -> str:
    large, small = of(found, "large.layer."), of(found, "small.layer.")
    all_large, all_small = sum(large.values()), sum(small.values())
    rows = [
        (
            name,
            f"{large.get(name, 0):.1f}",
            f"{large.get(name, 0) / all_large:.0%}",
            f"{small.get(name, 0):.1f}",
            f"{small.get(name, 0) / all_small:.0%}",
        )
        for name in dict.fromkeys((*large, *small))
    ]
    whole = ("together", f"{all_large:.0f}", "", f"{all_small:.0f}", "")
    return _table(("Layer", LARGE, "", SMALL, ""), [*rows, whole])


def _of_both(found: Found, kind: str, head: str) -> str:
    large, small = of(found, f"large.{kind}."), of(found, f"small.{kind}.")
    rows = [
        (f"`{name}`", f"{ms:.1f}", f"{small[name]:.1f}" if name in small else "")
        for name, ms in large.items()
    ]
    return _table((head, LARGE, SMALL), rows)


def _asked(found: Found) -> str:
    sent = of(found, "large.sent.")
    rows = [
        (f"`{text}`".replace("|", "\\|"), f"{sent[text]:.1f}", f"{ms:.2f}")
        for text, ms in of(found, "large.statement.").items()
    ]
    return _table(("Statement", "sent", "ms"), rows)


def _verifications(found: Found) -> str:
    ours, bare = of(found, "verify.verify_upload."), of(found, "verify.insert_and_defer.")
    rows = [
        (name, f"{ours.get(name, 0):.2f}", f"{bare.get(name, 0):.2f}")
        for name in dict.fromkeys((*ours, *bare))
    ]
    return _table(("Layer", "`verify_upload`", "insert and defer"), rows)


def _way(found: Found) -> str:
    ends = of(found, "timeline.ends.")
    rows = [
        (f"`{name}`", f"{ms:.1f}", f"{ends[name]:.1f}")
        for name, ms in of(found, "timeline.begins.").items()
    ]
    return _table(("Span", "begins", "ends"), rows)


def _memory(found: Found) -> str:
    rows = [
        (f"{who}: {name}", f"{amount:.1f}")
        for who in ("worker", "decoder")
        for name, amount in _gathered(of(found, f"memory.{who}.")).items()
        if amount >= 0.05
    ]
    return _table(("Part", "MB"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"
