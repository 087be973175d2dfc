-- Requests that come in from outside, each kind through a URL of its own, and what came of them.

CREATE TABLE hooks (
    -- SHA-256 of the id in the URL, which has 128 random bits and is kept nowhere.
    id           BLOB PRIMARY KEY,
    -- The first 8 of the id's 32 digits: what a list shows.
    label        TEXT NOT NULL,
    tenant       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    plugin       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    -- What its events and its unattended secret are encrypted with, wrapped by the server key alone.
    wrapped_key  BLOB NOT NULL,
    -- Made with a secret for signatures: without it, it can judge nothing.
    keyed        INTEGER NOT NULL CHECK (keyed IN (0, 1)),
    created_at   INTEGER NOT NULL,
    accepted     INTEGER NOT NULL DEFAULT 0,
    repeated     INTEGER NOT NULL DEFAULT 0,
    rejected     INTEGER NOT NULL DEFAULT 0,
    last_at      INTEGER,
    last_verdict TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX hooks_of_tenant ON hooks (tenant, created_at);

-- What may be used while nobody of the tenant calls. It goes with its hook, and with the secret that it was made of.
CREATE TABLE unattended_secrets (
    hook   BLOB PRIMARY KEY REFERENCES hooks (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    handle TEXT NOT NULL,
    sealed BLOB NOT NULL,
    FOREIGN KEY (tenant, handle) REFERENCES secrets (tenant, handle) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX unattended_secrets_of_secret ON unattended_secrets (tenant, handle);

-- With a rowid: what was sealed may be long. AUTOINCREMENT: an id never comes back.
CREATE TABLE hook_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hook       BLOB NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    -- A digest, under the hook's key, of what makes the event the same as another.
    identity   BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (hook, identity)
) STRICT;

CREATE INDEX hook_events_that_expire ON hook_events (expires_at);

-- One event in the hands of one plugin.
CREATE TABLE hook_handlings (
    event      INTEGER NOT NULL REFERENCES hook_events (id) ON DELETE CASCADE,
    plugin     TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    -- While it waits: when it is tried next; while it is tried: when somebody else may, if this process is gone.
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    PRIMARY KEY (event, plugin)
) STRICT, WITHOUT ROWID;

CREATE INDEX hook_handlings_that_are_due ON hook_handlings (due_at) WHERE state = 'waiting';
