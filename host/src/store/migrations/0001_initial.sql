-- Times are milliseconds since the Unix epoch. Nothing confidential stands here in clear: what is sealed, wrapped or a
-- document's value was encrypted before it came.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    -- The name without letter case: what makes names unique.
    folded_name TEXT NOT NULL UNIQUE,
    salt        BLOB NOT NULL,
    suspended   INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
    id               TEXT PRIMARY KEY,
    tenant           TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    -- HMAC-SHA256 of the whole key under the index key. Gone, like the wrapping, once the key is revoked.
    lookup           BLOB UNIQUE,
    wrapped_data_key BLOB,
    scopes           TEXT,
    expires_at       INTEGER,
    created_at       INTEGER NOT NULL,
    revoked_at       INTEGER,
    CHECK ((revoked_at IS NULL) = (lookup IS NOT NULL)),
    CHECK ((revoked_at IS NULL) = (wrapped_data_key IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX access_keys_of_tenant ON access_keys (tenant, created_at);

CREATE TABLE secrets (
    tenant       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    handle       TEXT NOT NULL,
    owner_plugin TEXT NOT NULL,
    audiences    TEXT NOT NULL,
    subject      TEXT,
    sealed       BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, handle)
) STRICT, WITHOUT ROWID;

-- With a rowid: values may be long, and a table WITHOUT ROWID would drag them through its index.
CREATE TABLE documents (
    tenant     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    namespace  TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      BLOB NOT NULL,
    version    TEXT NOT NULL,
    subject    TEXT,
    expires_at INTEGER,
    PRIMARY KEY (tenant, namespace, key)
) STRICT;

CREATE INDEX documents_that_expire ON documents (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE locks (
    tenant      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    plugin      TEXT NOT NULL,
    name        TEXT NOT NULL,
    id          TEXT NOT NULL UNIQUE,
    holder      TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    PRIMARY KEY (tenant, plugin, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX locks_of_holder ON locks (holder);
CREATE INDEX locks_that_expire ON locks (lease_until);

CREATE TABLE buckets (
    key           TEXT PRIMARY KEY,
    -- Nanoseconds since the Unix epoch.
    full_at_nanos INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Calls that are made once for each tenant, such as setting it up from the environment.
CREATE TABLE first_calls (
    tenant  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    digest  TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;
