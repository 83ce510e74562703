"""The database says which asset changed, whoever changed it, on the channel that pages listen to.

By row, and only for the columns that are shown: workers renew their leases far more often than
anything moves, and a trigger for the whole statement would compare the rows of each renewal.
Postgres sends one notification for each asset and transaction, once that has committed.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION rindle_tell_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'rindle_asset' THEN
        PERFORM pg_notify('rindle_progress', NEW.id::text);
    ELSE
        PERFORM pg_notify('rindle_progress', NEW.asset_id::text);
    END IF;
    RETURN NULL;
END
$$
"""

SHOWN = {
    "rindle_asset": ("state", "reason_code"),
    "rindle_variant": ("state", "reason_code", "progress"),
}


def on_change(table, columns):
    changed = " OR ".join(f"OLD.{each} IS DISTINCT FROM NEW.{each}" for each in columns)
    return (
        f"CREATE TRIGGER {table}_told AFTER UPDATE OF {', '.join(columns)} ON {table}"
        f" FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION rindle_tell_progress()"
    )


# An asset that was just born is known to nobody; a variant may come to one that is looked at.
BORN = (
    "CREATE TRIGGER rindle_variant_born AFTER INSERT ON rindle_variant"
    " FOR EACH ROW EXECUTE FUNCTION rindle_tell_progress()"
)


class Migration(migrations.Migration):
    dependencies = [("rindle", "0002_state_guard")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION rindle_tell_progress()"),
        *(
            migrations.RunSQL(on_change(table, columns), f"DROP TRIGGER {table}_told ON {table}")
            for table, columns in SHOWN.items()
        ),
        migrations.RunSQL(BORN, "DROP TRIGGER rindle_variant_born ON rindle_variant"),
    ]
