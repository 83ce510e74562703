"""The rows, in SQL: a site that has run for three years. Nearly all is at rest, a little of
everything is not, and one recipe was changed a while ago.

Every statement is repeatable: ids follow from numbers.
"""

# The numbers of assets, and what each is: the odd ones are by their remainder.
ASSETS = """
INSERT INTO rindle_asset (id, state, profile, storage, actor, kind, filename, content_type,
    byte_size, sha256, width, height, pages, has_alpha, metadata, traceparent, reason_code, reason,
    fence, attempts, max_attempts, original_id, wake_at, created_at, updated_at)
SELECT md5('a' || i)::uuid,
    CASE WHEN i %% 300 = 7 THEN 'degraded' WHEN i %% 1000 = 8 THEN 'quarantined'
         WHEN i %% 4000 = 9 THEN 'validating' WHEN i %% 4000 = 10 THEN 'staged'
         WHEN i %% 4000 = 11 THEN 'deleted' ELSE 'ready' END,
    CASE WHEN i %% 10 < 7 THEN 'picture' ELSE 'portrait' END, 'default',
    'auth.user:' || i %% 5000, 'image', 'photo ' || i || '.jpg', 'image/jpeg',
    2000000 + i %% 1000000, md5('s' || i) || md5('t' || i), 4000, 3000, 1, false, '{}', '',
    CASE WHEN i %% 1000 = 8 THEN 'image_unreadable' ELSE '' END, '', 1, 0, 3,
    CASE WHEN i %% 4000 IN (9, 10) THEN NULL ELSE md5('original' || i)::uuid END,
    CASE WHEN i %% 4000 IN (9, 11) THEN now() + interval '1 hour' END, at, at
FROM generate_series(1, %(assets)s) i
CROSS JOIN LATERAL (SELECT now() - i * interval '3 years' / %(assets)s AS at) t
"""

VARIANTS = """
INSERT INTO rindle_variant (id, state, name, kind, recipe_digest, published_digest, content_type,
    byte_size, width, height, pages, generated_at, asset_id, object_id, reason_code, reason, fence,
    attempts, max_attempts, priority, wake_at, created_at, updated_at)
SELECT md5('v' || label || i)::uuid, state, label, 'image', %(digest)s,
    CASE WHEN state IN ('failed', 'queued') THEN ''
         WHEN outdated THEN repeat('0', 64) ELSE %(digest)s END,
    'image/webp', 20000 + i %% 20000, 800, 600, 1, at, md5('a' || i)::uuid,
    CASE WHEN state IN ('ready', 'stale') THEN md5(label || i)::uuid END,
    CASE WHEN state = 'failed' THEN 'decoder_timeout' ELSE '' END, '', 1, 0, 5, 0,
    CASE WHEN state = 'queued' THEN now() + interval '1 hour' END, at, at
FROM generate_series(1, %(assets)s) i
CROSS JOIN LATERAL (SELECT %(label)s::text AS label,
    now() - i * interval '3 years' / %(assets)s AS at, %(changed)s AND i %% 10 = 3 AS outdated,
    CASE WHEN i %% 600 = 7 THEN 'failed' WHEN i %% 600 = 307 THEN 'missing'
         WHEN i %% 5000 = 12 THEN 'queued' WHEN i %% 2000 = 14 THEN 'stale'
         ELSE 'ready' END AS state) v
WHERE i %% 4000 NOT IN (9, 10, 11)
"""

OBJECTS = """
INSERT INTO rindle_storedobject (id, state, purpose, storage, key, asset_id, reason_code, reason,
    sha256, confirmation, content_type, byte_size, attempts, gone_at, created_at, updated_at)
SELECT object::uuid, CASE WHEN %(purpose)s = 'staging' THEN 'gone' ELSE 'present' END,
    %(purpose)s, 'default',
    %(purpose)s || 's/' || left(asset, 2) || '/' || asset || '/' || object,
    asset::uuid, '', '',
    CASE WHEN %(purpose)s = 'staging' THEN '' ELSE md5(object) || md5(asset) END,
    CASE WHEN %(purpose)s = 'staging' THEN 'unlinked' ELSE '' END, 'image/jpeg', 20000, 0,
    CASE WHEN %(purpose)s = 'staging' THEN at END, at, at
FROM generate_series(1, %(assets)s) i
CROSS JOIN LATERAL (SELECT md5('a' || i)::uuid::text AS asset,
    md5(%(label)s || i)::uuid::text AS object, now() - i * interval '3 years' / %(assets)s AS at) o
"""

SESSIONS = """
INSERT INTO rindle_uploadsession (id, state, profile, actor, filename, content_type, byte_size,
    sha256, asset_id, staging_id, reason_code, reason, expires_at, verified_at, created_at,
    updated_at)
SELECT md5('u' || i)::uuid,
    CASE WHEN i %% 4000 = 10 THEN 'signed' WHEN i %% 300 = 5 THEN 'expired' ELSE 'completed' END,
    CASE WHEN i %% 10 < 7 THEN 'picture' ELSE 'portrait' END, 'auth.user:' || i %% 5000,
    'photo.jpg', 'image/jpeg', 2000000, '', md5('a' || i)::uuid, md5('staging' || i)::uuid, '', '',
    at + interval '1 hour', at, at, at
FROM generate_series(1, %(assets)s) i
CROSS JOIN LATERAL (SELECT now() - i * interval '3 years' / %(assets)s AS at) t
"""

ATTACHMENTS = """
INSERT INTO rindle_attachment (id, asset_id, owner_type_id, owner_id, slot, position, created_at)
SELECT md5('t' || i)::uuid, md5('a' || i)::uuid, %(owner_type)s, i::text, 'cover', 0,
    now() - i * interval '3 years' / %(assets)s
FROM generate_series(1, %(assets)s) i
WHERE i %% 10 <> 4 AND i %% 4000 NOT IN (10, 11)
"""

TRANSITIONS = """
INSERT INTO rindle_transition (subject, subject_id, asset_id, from_state, to_state, profile,
    adapter, reason_code, cause, metadata, at, emitted_at)
SELECT %(subject)s, md5(%(prefix)s || i)::uuid, md5('a' || i)::uuid, 'processing', 'ready',
    CASE WHEN i %% 10 < 7 THEN 'picture' ELSE 'portrait' END, 'filesystem', '',
    '{"task": "rindle:process_variant", "job": 1, "run": 1}', '{}', at, at
FROM generate_series(1, %(assets)s) i
CROSS JOIN LATERAL (SELECT now() - i * interval '3 years' / %(assets)s AS at) t
"""

RUNS = """
INSERT INTO rindle_processingrun (id, asset_id, profile, variant_id, variant_name, attempt, fence,
    worker, outcome, reason_code, reason, started_at, finished_at, pixels, cpu_seconds, byte_size,
    created_at)
SELECT md5('r' || %(label)s || i)::uuid, md5('a' || i)::uuid,
    CASE WHEN i %% 10 < 7 THEN 'picture' ELSE 'portrait' END, md5('v' || %(label)s || i)::uuid,
    %(label)s, 1, 1, 'worker:1', CASE WHEN i %% 600 = 7 THEN 'failed' ELSE 'succeeded' END,
    CASE WHEN i %% 600 = 7 THEN 'decoder_timeout' ELSE '' END, '', at, at + interval '1 second',
    12000000, CASE WHEN i %% 600 = 7 THEN NULL ELSE 0.1 + (i %% 100) / 1000.0 END,
    20000 + i %% 20000, at
FROM generate_series(1, %(assets)s) i
CROSS JOIN LATERAL (SELECT now() - i * interval '3 years' / %(assets)s AS at) t
WHERE i %% 4000 NOT IN (9, 10, 11)
"""

INDEXES = """
SELECT format('%%I.%%I', i.schemaname, i.indexname), i.indexdef
FROM pg_indexes i
WHERE i.schemaname = current_schema() AND i.tablename LIKE 'rindle\\_%%'
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
"""
