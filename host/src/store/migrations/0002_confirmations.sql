-- What previews and questions left outside, each good for one call: found by a hash of its token, which is kept nowhere.
CREATE TABLE confirmations (
    -- SHA-256 of the token, which has 256 random bits.
    token      BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL CHECK (purpose IN ('preview', 'question')),
    access_key TEXT NOT NULL,
    tool       TEXT NOT NULL,
    -- A digest of the arguments under a key of the tenant: short ones must not be found by trying.
    arguments  BLOB NOT NULL,
    -- What the preview rests on, or the state of the call that asked; encrypted.
    sealed     BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX confirmations_that_expire ON confirmations (expires_at);
