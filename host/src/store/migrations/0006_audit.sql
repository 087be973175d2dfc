-- What was done, by whom, and what came of it. Rows are only ever added at one end and, when they are old, taken off the other.

CREATE TABLE audit (
    -- 1, 2, 3, …: given while the write lock is held, so that there is no gap.
    seq            INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    -- No foreign key: what a tenant did outlives it.
    tenant         TEXT,
    access_key     TEXT,
    subject        TEXT,
    plugin         TEXT,
    kind           TEXT NOT NULL,
    action         TEXT NOT NULL,
    -- The row that told what was meant, where this one tells what came of it.
    intent         INTEGER,
    -- None: what was meant.
    outcome        TEXT,
    code           TEXT,
    duration_ms    INTEGER,
    correlation_id TEXT,
    source         TEXT NOT NULL,
    -- JSON: names, ids, numbers; nothing personal.
    arguments      TEXT,
    -- A JSON array of the paths of changed fields.
    changed        TEXT,
    -- The values, encrypted under the tenant's data key.
    sealed         BLOB,
    -- HMAC of this row and the hash before it, under a key that does not stand in this database in clear.
    hash           BLOB NOT NULL
) STRICT;

CREATE INDEX audit_of_tenant ON audit (tenant);
CREATE INDEX audit_outcomes ON audit (intent) WHERE intent IS NOT NULL;

-- Where the chain begins once old rows were taken off.
CREATE TABLE audit_checkpoint (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    seq        INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    trimmed_at INTEGER NOT NULL,
    -- HMAC of the above, under the chain's key.
    signature  BLOB NOT NULL
) STRICT;
