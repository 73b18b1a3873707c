-- People: who can log in, with which password, on which devices, in which sessions; and what is counted of their attempts.
-- Secrets (tokens of sessions, devices, tickets, letters) are stored as SHA-256 of 256 random bits, passwords as Argon2id.
CREATE TABLE identity.session (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    -- The absolute end, and the end unless it is used again before.
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    idle_until timestamptz NOT NULL,
    -- For how long it may rest.
    idle_s int NOT NULL DEFAULT 900 CHECK (idle_s > 0),
    revoked_at timestamptz,
    end_reason text,
    -- When a second factor was last shown in this session.
    proved_at timestamptz,
    -- The user agent it is bound to, without its numbers; whoever comes with another is not let in.
    agent_hash bytea CHECK (length(agent_hash) = 32),
    device_id uuid,
    device text NOT NULL DEFAULT '' CHECK (length(device) <= 60),
    address text NOT NULL DEFAULT '' CHECK (length(address) <= 64)
) WITH (fillfactor = 80);
CREATE INDEX session_owner ON identity.session (owner_id, id);

-- A login identity. The e-mail address is sealed under the person's data key and found by its blind index.
CREATE TABLE identity.login (
    principal_id uuid PRIMARY KEY REFERENCES identity.principal,
    email bytea NOT NULL,
    email_blind bytea NOT NULL UNIQUE CHECK (length(email_blind) = 32),
    language text NOT NULL CHECK (language IN ('es', 'en')),
    -- NULL until an invited person has set one.
    password_hash text CHECK (password_hash LIKE '$argon2id$%' AND length(password_hash) <= 300),
    password_set_at timestamptz,
    created_at timestamptz NOT NULL,
    -- When it was shown that the mailbox is the person's.
    confirmed_at timestamptz,
    CHECK ((password_hash IS NULL) = (password_set_at IS NULL))
) WITH (fillfactor = 80);

-- Earlier passwords, which may not come back.
CREATE TABLE identity.former_password (
    id uuid PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES identity.principal,
    hash text NOT NULL CHECK (hash LIKE '$argon2id$%' AND length(hash) <= 300),
    replaced_at timestamptz NOT NULL
);
CREATE INDEX former_password_owner ON identity.former_password (principal_id, id);

-- A registration waiting for its letter to be answered. `id` will be the customer's; contents are sealed under it.
CREATE TABLE identity.registration (
    id uuid PRIMARY KEY,
    email_blind bytea NOT NULL CHECK (length(email_blind) = 32),
    -- Address and name.
    contents bytea NOT NULL,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    language text NOT NULL CHECK (language IN ('es', 'en')),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%' AND length(password_hash) <= 300),
    -- NULL until the letter is written, which is done apart from the request, so that its time says nothing.
    token_hash bytea UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at)
) WITH (fillfactor = 80);
CREATE INDEX registration_email ON identity.registration (email_blind);
CREATE INDEX registration_new ON identity.registration (id) WHERE token_hash IS NULL;
CREATE INDEX registration_age ON identity.registration (expires_at);

-- Somebody says to have forgotten a password; looked at apart from the request, for the same reason.
CREATE TABLE identity.reset_request (
    id uuid PRIMARY KEY,
    email_blind bytea NOT NULL CHECK (length(email_blind) = 32),
    created_at timestamptz NOT NULL
);

-- What a letter's link is good for: setting a password, once.
CREATE TABLE identity.letter_token (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    principal_id uuid NOT NULL REFERENCES identity.login,
    purpose text NOT NULL CHECK (purpose IN ('reset', 'invitation')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at timestamptz
);
CREATE INDEX letter_token_owner ON identity.letter_token (principal_id, created_at);

-- Devices on which somebody has logged in: their attempts are counted apart from those of strangers.
CREATE TABLE identity.device (
    id uuid PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES identity.principal,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX device_owner ON identity.device (principal_id, seen_at);

-- Logins whose second factor is still to be shown.
CREATE TABLE identity.login_ticket (
    id uuid PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    owner_id uuid NOT NULL REFERENCES identity.principal,
    address text NOT NULL CHECK (length(address) <= 64),
    agent text NOT NULL CHECK (length(agent) <= 512),
    device_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at timestamptz
);
CREATE INDEX login_ticket_owner ON identity.login_ticket (owner_id);
CREATE INDEX login_ticket_age ON identity.login_ticket (expires_at);

-- Attempts that were not right: by account (strangers), by known device, by address. Nobody's account is named.
CREATE TABLE identity.login_failure (
    counter text PRIMARY KEY CHECK (length(counter) <= 100),
    failures int NOT NULL CHECK (failures >= 0),
    last_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX login_failure_age ON identity.login_failure (last_at);

GRANT SELECT, INSERT, DELETE ON identity.session, identity.former_password, identity.registration,
    identity.reset_request, identity.letter_token, identity.device, identity.login_ticket, identity.login_failure
    TO cambista_app;
GRANT SELECT, INSERT ON identity.login TO cambista_app;
GRANT UPDATE (idle_until, revoked_at, end_reason, proved_at) ON identity.session TO cambista_app;
GRANT UPDATE (email, email_blind, language, password_hash, password_set_at, confirmed_at) ON identity.login
    TO cambista_app;
GRANT UPDATE (token_hash) ON identity.registration TO cambista_app;
GRANT UPDATE (used_at) ON identity.letter_token, identity.login_ticket TO cambista_app;
GRANT UPDATE (seen_at) ON identity.device TO cambista_app;
GRANT UPDATE (failures, last_at) ON identity.login_failure TO cambista_app;
-- Taking rows off a list locks them, which takes this right.
GRANT UPDATE (created_at) ON identity.reset_request TO cambista_app;
