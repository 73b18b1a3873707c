-- Notices waiting to be sent to people: letters and codes. What was sent or given up keeps no contents.
CREATE TABLE identity.notice (
    id uuid PRIMARY KEY,
    -- Whom it concerns; somebody who has not confirmed a registration is no principal yet.
    recipient_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    template text NOT NULL CHECK (length(template) BETWEEN 1 AND 64),
    language text NOT NULL CHECK (language IN ('es', 'en')),
    -- Address and facts, sealed under the recipient's data key.
    contents bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    -- When it may be taken next: taking it moves this to the end of the lease.
    due_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    sent_at timestamptz,
    failed_at timestamptz,
    -- The code of the last failure.
    failure text CHECK (length(failure) <= 64),
    CHECK (sent_at IS NULL OR failed_at IS NULL),
    CHECK ((contents IS NULL) = (sent_at IS NOT NULL OR failed_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX notice_due ON identity.notice (due_at) WHERE contents IS NOT NULL;
CREATE INDEX notice_recipient ON identity.notice (recipient_id, template, created_at);
CREATE INDEX notice_age ON identity.notice USING brin (created_at);

GRANT SELECT, INSERT, DELETE ON identity.notice TO cambista_app;
GRANT UPDATE (contents, due_at, attempts, sent_at, failed_at, failure) ON identity.notice TO cambista_app;
