-- What a tenant agreed to, with its master key: one row for each plugin that reaches what is the tenant's.
CREATE TABLE consents (
    tenant     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    plugin     TEXT NOT NULL,
    -- Whose signature its component must carry, and under which key; empty: nobody's.
    publisher  TEXT NOT NULL,
    -- The grants that were shown, a sorted JSON list of lines, and SHA-256 over plugin, publisher and these.
    grants     TEXT NOT NULL,
    digest     TEXT NOT NULL,
    -- A JSON list of subjects, such as store:9021; none: all of the tenant's.
    subjects   TEXT,
    access_key TEXT NOT NULL,
    agreed_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- What plugins did, all tenants and processes together.
CREATE TABLE plugin_usage (
    plugin        TEXT PRIMARY KEY,
    calls         INTEGER NOT NULL DEFAULT 0,
    failed        INTEGER NOT NULL DEFAULT 0,
    elapsed_ms    INTEGER NOT NULL DEFAULT 0,
    http_requests INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
