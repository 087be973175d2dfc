-- Access keys that people chose, keys that took another's place, and under which server key a wrapping stands.

-- bcrypt of the key's keyed digest; only for keys that people chose. Gone, like the look-up, once the key is revoked.
ALTER TABLE access_keys ADD COLUMN chosen_hash TEXT CHECK (chosen_hash IS NULL OR lookup IS NOT NULL);
-- Counts the server keys that this installation has had. 0: wrapped before they were counted.
ALTER TABLE access_keys ADD COLUMN server_key_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN replaced_by TEXT;
ALTER TABLE hooks ADD COLUMN server_key_version INTEGER NOT NULL DEFAULT 0;

CREATE INDEX access_keys_that_end ON access_keys (expires_at) WHERE expires_at IS NOT NULL AND lookup IS NOT NULL;
