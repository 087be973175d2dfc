-- All that finding a key reads of its row stands where it is looked up. Otherwise a second tree is descended from the look-up to
-- the row, whose pages are fat since the table has no rowid: among 100,000 keys, that is the larger part of the time.

CREATE INDEX access_keys_found ON access_keys (
    lookup, id, tenant, name, scopes, expires_at, created_at, revoked_at, replaced_by, issuer, subject, wrapped_data_key,
    server_key_version, chosen_hash
) WHERE lookup IS NOT NULL;
