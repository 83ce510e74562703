"""The rows, in SQL: images of four objects each, and films of very many. Ids follow from
numbers."""

ASSETS = """
INSERT INTO rindle_asset (id, state, profile, storage, actor, kind, filename, content_type,
    byte_size, sha256, metadata, traceparent, reason_code, reason, fence, attempts, max_attempts)
SELECT md5(%(kind)s || i)::uuid, 'ready', 'wall', 'default', '', %(kind)s, 'a.jpg', 'image/jpeg', 1,
    '', '{}', '', '', '', 1, 0, 3
FROM generate_series(1, %(assets)s) i
"""

OBJECTS = """
INSERT INTO rindle_storedobject (id, state, purpose, storage, key, asset_id, reason_code, reason,
    sha256, confirmation, content_type, byte_size, attempts)
SELECT object::uuid, 'present', purpose, 'default',
    purpose || 's/' || left(asset::text, 2) || '/' || asset || '/' || object,
    asset, '', '', '', '', 'image/jpeg', 1, 0
FROM generate_series(1, %(assets)s) i, generate_series(1, %(each)s) n
CROSS JOIN LATERAL (SELECT md5(%(kind)s || i)::uuid AS asset,
    md5(%(kind)s || 'o' || i || '/' || n)::uuid AS object,
    CASE WHEN n = 1 THEN 'original' ELSE 'variant' END AS purpose) o
"""

VARIANTS = """
INSERT INTO rindle_variant (id, state, name, kind, recipe_digest, published_digest, content_type,
    byte_size, generated_at, asset_id, object_id, reason_code, reason, fence, attempts,
    max_attempts)
SELECT md5(%(kind)s || 'v' || i || '/' || n)::uuid, 'ready', 'v' || n, %(kind)s, 'd', 'd',
    'image/webp', 1, now(), md5(%(kind)s || i)::uuid,
    md5(%(kind)s || 'o' || i || '/' || n)::uuid, '', '', 1, 0, 5
FROM generate_series(1, %(assets)s) i, generate_series(2, least(%(each)s, 4)) n
"""
