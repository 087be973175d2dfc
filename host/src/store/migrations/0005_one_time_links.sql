-- What waits for a person at a page of this server, each behind a link that is good once: found by a hash of its token, which
-- stands nowhere in clear.
CREATE TABLE one_time_links (
    -- SHA-256 of the token, which has 256 random bits.
    hash       BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- What the person is to do: enter a secret, confirm something.
    purpose    TEXT NOT NULL,
    -- Whose call waits: the same call of the same key hears what became of it.
    access_key TEXT NOT NULL,
    plugin     TEXT NOT NULL,
    tool       TEXT NOT NULL,
    -- A digest of the arguments under a key of the tenant: short ones must not be found by trying.
    arguments  BLOB NOT NULL,
    -- The token, so that the same call gets the same link, and the call itself; encrypted under the tenant's data key.
    sealed     BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    -- Wrong keys, and runs that failed and may be repeated.
    failures   INTEGER NOT NULL DEFAULT 0,
    -- Taken by the one request that carries it out.
    used_at    INTEGER,
    -- How that ended, for whoever repeats the call; encrypted under the tenant's data key.
    outcome    BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_links_of_calls ON one_time_links (tenant, access_key, tool, arguments);
CREATE INDEX one_time_links_that_expire ON one_time_links (expires_at);
