-- Sagas: work of several transactions and of calls outside, with where it stands, and what each of its steps came to.
CREATE TABLE runtime.saga (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 60),
    payload jsonb NOT NULL CHECK (length(payload::text) <= 16384),
    status text NOT NULL CHECK (status IN ('running', 'compensating', 'stuck', 'done', 'compensated')),
    -- The step it stands at, and which way it goes: forward, or back through the compensations.
    step text NOT NULL CHECK (length(step) BETWEEN 1 AND 60),
    undoing boolean NOT NULL DEFAULT false,
    -- Whether the next deed is a call outside, and since when one may have been made whose outcome nobody knows.
    outside boolean NOT NULL,
    sent_at timestamptz,
    -- A person wants it taken back as soon as that outcome is known.
    giving_up boolean NOT NULL DEFAULT false,
    attempts int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 300),
    -- Due, or leased until then by whoever took the last `fence`.
    due_at timestamptz NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    step_since timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((status IN ('done', 'compensated')) = (ended_at IS NOT NULL)),
    CHECK (sent_at IS NULL OR outside),
    CHECK (status <> 'compensating' OR undoing)
) WITH (fillfactor = 70);
-- No column of it changes while a saga goes on without a pause, so its rows are updated in place (HOT).
CREATE INDEX saga_due ON runtime.saga (outside, due_at) WHERE status IN ('running', 'compensating');
CREATE INDEX saga_stuck ON runtime.saga (id) WHERE status = 'stuck';
CREATE INDEX saga_ended ON runtime.saga (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE runtime.saga_step (
    saga_id uuid NOT NULL,
    step text NOT NULL,
    undoing boolean NOT NULL,
    -- What the outside knows it by, the same at every attempt.
    id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('sent', 'done', 'refused')),
    value jsonb CHECK (length(value::text) <= 16384),
    sent_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (saga_id, step, undoing),
    CHECK ((status = 'sent') = (ended_at IS NULL))
);

GRANT SELECT, INSERT, DELETE ON runtime.saga, runtime.saga_step TO cambista_app;
GRANT UPDATE (
    status, step, undoing, outside, sent_at, giving_up, attempts, reason, due_at, fence, step_since, ended_at
) ON runtime.saga TO cambista_app;
GRANT UPDATE (status, value, sent_at, ended_at) ON runtime.saga_step TO cambista_app;
