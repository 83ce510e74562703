"""The database refuses by itself what is no edge of a state machine, whoever asks.

One function, one trigger for each table, the edges as the trigger's arguments: ``a>b`` is an edge,
``>a`` the state that rows are born in. A test compares them with ``states.py``.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION rindle_guard_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    edge text := CASE TG_OP WHEN 'UPDATE' THEN OLD.state ELSE '' END || '>' || NEW.state;
BEGIN
    IF NOT edge = ANY (TG_ARGV) THEN
        RAISE EXCEPTION 'rindle: % is not an edge of %', edge, TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_edge';
    END IF;
    RETURN NEW;
END
$$
"""

EDGES = {
    "rindle_asset": (
        ">staged",
        "analyzing>deleted",
        "analyzing>promoting",
        "analyzing>quarantined",
        "available>deleted",
        "available>processing",
        "available>quarantined",
        "available>ready",
        "available>transcoding",
        "degraded>deleted",
        "degraded>processing",
        "degraded>quarantined",
        "degraded>ready",
        "degraded>transcoding",
        "processing>degraded",
        "processing>deleted",
        "processing>quarantined",
        "processing>ready",
        "processing>transcoding",
        "promoting>available",
        "promoting>deleted",
        "promoting>quarantined",
        "quarantined>deleted",
        "quarantined>validating",
        "ready>degraded",
        "ready>deleted",
        "ready>processing",
        "ready>quarantined",
        "ready>transcoding",
        "staged>deleted",
        "staged>quarantined",
        "staged>validating",
        "transcoding>degraded",
        "transcoding>deleted",
        "transcoding>processing",
        "transcoding>quarantined",
        "transcoding>ready",
        "validating>analyzing",
        "validating>deleted",
        "validating>quarantined",
    ),
    "rindle_variant": (
        ">planned",
        "cancelled>purged",
        "cancelled>queued",
        "failed>purged",
        "failed>queued",
        "missing>purged",
        "missing>queued",
        "planned>cancelled",
        "planned>purged",
        "planned>queued",
        "processing>cancelled",
        "processing>failed",
        "processing>purged",
        "processing>queued",
        "processing>ready",
        "queued>cancelled",
        "queued>failed",
        "queued>processing",
        "queued>purged",
        "ready>missing",
        "ready>purged",
        "ready>queued",
        "ready>stale",
        "stale>purged",
        "stale>queued",
    ),
    "rindle_uploadsession": (
        ">initialized",
        "initialized>aborted",
        "initialized>expired",
        "initialized>failed",
        "initialized>signed",
        "initialized>uploaded",
        "initialized>uploading",
        "initialized>verifying",
        "resuming>aborted",
        "resuming>expired",
        "resuming>failed",
        "resuming>uploading",
        "signed>aborted",
        "signed>expired",
        "signed>failed",
        "signed>resuming",
        "signed>uploaded",
        "signed>uploading",
        "signed>verifying",
        "uploaded>aborted",
        "uploaded>expired",
        "uploaded>failed",
        "uploaded>verifying",
        "uploading>aborted",
        "uploading>expired",
        "uploading>failed",
        "uploading>uploaded",
        "uploading>verifying",
        "verifying>completed",
        "verifying>failed",
    ),
    "rindle_storedobject": (
        ">expected",
        "doomed>gone",
        "expected>doomed",
        "expected>present",
        "present>doomed",
    ),
}


def triggers(table, edges):
    arguments = ", ".join(f"'{edge}'" for edge in edges)
    return [
        f"CREATE TRIGGER {table}_birth BEFORE INSERT ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION rindle_guard_state({arguments})",
        f"CREATE TRIGGER {table}_edge BEFORE UPDATE OF state ON {table}"
        f" FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)"
        f" EXECUTE FUNCTION rindle_guard_state({arguments})",
    ]


class Migration(migrations.Migration):
    dependencies = [("rindle", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION rindle_guard_state()"),
        *(
            migrations.RunSQL(
                triggers(table, edges),
                [
                    f"DROP TRIGGER {table}_birth ON {table}",
                    f"DROP TRIGGER {table}_edge ON {table}",
                ],
            )
            for table, edges in EDGES.items()
        ),
    ]
