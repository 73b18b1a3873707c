-- Second factors of people: authenticators, phones, recovery codes, passkeys, and how often each was guessed at.
CREATE TABLE identity.totp (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    -- Sealed under the owner's data key.
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    -- The time step whose code was shown last; a code is good for a later one only.
    last_step bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX totp_confirmed ON identity.totp (owner_id) WHERE confirmed_at IS NOT NULL;
CREATE UNIQUE INDEX totp_pending ON identity.totp (owner_id) WHERE confirmed_at IS NULL;

CREATE TABLE identity.phone (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    -- Sealed under the owner's data key; `number_index` finds equal numbers.
    number bytea NOT NULL,
    number_index bytea NOT NULL CHECK (length(number_index) = 32),
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz
);
CREATE UNIQUE INDEX phone_confirmed ON identity.phone (owner_id) WHERE confirmed_at IS NOT NULL;
CREATE UNIQUE INDEX phone_pending ON identity.phone (owner_id) WHERE confirmed_at IS NULL;

CREATE TABLE identity.sms_code (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    -- Outlives the phone: sendings are counted even where it was removed.
    phone_id uuid NOT NULL,
    number_index bytea NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    tries int NOT NULL DEFAULT 0,
    used_at timestamptz
);
CREATE INDEX sms_code_owner ON identity.sms_code (owner_id, created_at DESC);
CREATE INDEX sms_code_number ON identity.sms_code (number_index, created_at DESC);
CREATE INDEX sms_code_age ON identity.sms_code USING brin (created_at);

CREATE TABLE identity.recovery_code (
    owner_id uuid NOT NULL REFERENCES identity.principal,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (owner_id, hash)
);

CREATE TABLE identity.passkey (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- The authenticator's name for it, its public key (COSE), and how often it says it has signed.
    credential_id bytea NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key bytea NOT NULL CHECK (length(public_key) <= 4096),
    sign_count bigint NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX passkey_owner ON identity.passkey (owner_id, id);

-- What an authenticator is asked to sign: one at a time for each person and purpose, and once.
CREATE TABLE identity.passkey_challenge (
    owner_id uuid NOT NULL REFERENCES identity.principal,
    purpose text NOT NULL CHECK (purpose IN ('enrol', 'prove')),
    challenge bytea NOT NULL CHECK (length(challenge) >= 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (owner_id, purpose)
);

-- Wrong answers, by account and by address, apart from those of passwords.
CREATE TABLE identity.factor_failure (
    counter text PRIMARY KEY CHECK (length(counter) <= 80),
    failures int NOT NULL,
    last_at timestamptz NOT NULL,
    -- No answer is looked at before.
    free_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX factor_failure_age ON identity.factor_failure (last_at);

GRANT SELECT, INSERT, DELETE ON
    identity.totp, identity.phone, identity.sms_code, identity.recovery_code, identity.passkey,
    identity.passkey_challenge, identity.factor_failure
    TO cambista_app;
GRANT UPDATE (confirmed_at, last_step) ON identity.totp TO cambista_app;
GRANT UPDATE (confirmed_at) ON identity.phone TO cambista_app;
GRANT UPDATE (tries, used_at) ON identity.sms_code TO cambista_app;
GRANT UPDATE (used_at) ON identity.recovery_code TO cambista_app;
GRANT UPDATE (name, sign_count, last_used_at) ON identity.passkey TO cambista_app;
GRANT UPDATE (challenge, expires_at) ON identity.passkey_challenge TO cambista_app;
GRANT UPDATE (failures, last_at, free_at) ON identity.factor_failure TO cambista_app;
