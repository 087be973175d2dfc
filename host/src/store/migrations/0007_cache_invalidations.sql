-- What processes no longer keep in their caches, so that the others do not either. Rows are removed when no entry can be as
-- old. AUTOINCREMENT: an id never comes back, since processes remember the last one that they saw.

CREATE TABLE cache_invalidations (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Which process did it: its own cache knows already.
    process BLOB NOT NULL,
    tenant  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    plugin  TEXT NOT NULL,
    subject TEXT,
    tag     TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE INDEX cache_invalidations_of_tenant ON cache_invalidations (tenant);
CREATE INDEX cache_invalidations_at ON cache_invalidations (at);
