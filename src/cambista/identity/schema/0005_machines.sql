-- API keys: address lists, rotation, request signing.
ALTER TABLE identity.api_key
    -- From where it may be used; empty: from anywhere.
    ADD COLUMN networks cidr[] NOT NULL DEFAULT '{}' CHECK (cardinality(networks) <= 32),
    -- The secret its requests are signed with, sealed under the owner's data key; NULL: they are not signed.
    ADD COLUMN signing_secret bytea CHECK (length(signing_secret) BETWEEN 16 AND 512),
    -- The key that takes its place; it ends when both were to be used.
    ADD COLUMN replaced_by uuid REFERENCES identity.api_key;

GRANT UPDATE (expires_at, replaced_by) ON identity.api_key TO cambista_app;

-- Nonces of signed requests. Logged and committed before the request is let in, so that no crash forgets one.
CREATE TABLE identity.request_nonce (
    key_id uuid NOT NULL,
    nonce text NOT NULL CHECK (length(nonce) BETWEEN 16 AND 64),
    -- From when on the request would be too old anyway.
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (key_id, nonce)
);
CREATE INDEX request_nonce_expiry ON identity.request_nonce (expires_at);

GRANT SELECT, INSERT, DELETE ON identity.request_nonce TO cambista_app;
