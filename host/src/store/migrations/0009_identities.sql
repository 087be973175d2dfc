-- Access keys that nobody holds: whoever brings a token of this issuer for this subject has them. Both stay when the key is
-- revoked, so that lists tell whose it was.

ALTER TABLE access_keys ADD COLUMN issuer TEXT;
ALTER TABLE access_keys ADD COLUMN subject TEXT CHECK ((subject IS NULL) = (issuer IS NULL));
