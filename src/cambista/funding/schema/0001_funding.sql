-- Deposits, withdrawals, their approvals and their history. What was asked is never rewritten; only the state moves.
CREATE SCHEMA IF NOT EXISTS funding;

CREATE TABLE funding.deposit (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    asset text NOT NULL CHECK (asset ~ '^[A-Z0-9]{2,12}$'),
    units bigint NOT NULL CHECK (units > 0),
    rail text NOT NULL CHECK (length(rail) BETWEEN 1 AND 40),
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 128),
    -- What no two payments on the rail share (its fields are the rail's), and the reference as a hurried eye reads it.
    natural_key text NOT NULL CHECK (length(natural_key) <= 600),
    reference_folded text NOT NULL,
    bank text CHECK (length(bank) BETWEEN 1 AND 64),
    paid_on date,
    payer_name text CHECK (length(payer_name) BETWEEN 1 AND 200),
    payer_document text CHECK (length(payer_document) <= 64),
    status text NOT NULL CHECK (status IN ('credited', 'review', 'rejected')),
    review_reason text CHECK (
        review_reason IN ('payer_mismatch', 'payer_missing', 'possible_duplicate', 'customer_blocked')
    ),
    transfer_id uuid NOT NULL UNIQUE,
    recorded_by uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    decision_transfer_id uuid UNIQUE,
    UNIQUE (rail, natural_key),
    CHECK (num_nonnulls(decided_by, decided_at, decision_transfer_id) IN (0, 3)),
    CHECK (decided_by <> recorded_by),
    CHECK (decided_by <> customer_id),
    CHECK (
        CASE status
            WHEN 'credited' THEN (review_reason IS NULL) = (decided_at IS NULL)
            WHEN 'review' THEN review_reason IS NOT NULL AND decided_at IS NULL
            ELSE review_reason IS NOT NULL AND decided_at IS NOT NULL
        END
    )
) WITH (fillfactor = 90);
CREATE INDEX deposit_customer ON funding.deposit (customer_id, id);
CREATE INDEX deposit_review ON funding.deposit (id) WHERE status = 'review';
CREATE INDEX deposit_folded ON funding.deposit (rail, reference_folded);

CREATE TABLE funding.withdrawal (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    asset text NOT NULL CHECK (asset ~ '^[A-Z0-9]{2,12}$'),
    units bigint NOT NULL CHECK (units > 0),
    rail text NOT NULL CHECK (length(rail) BETWEEN 1 AND 40),
    account text NOT NULL CHECK (length(account) BETWEEN 1 AND 128),
    holder text NOT NULL CHECK (length(holder) BETWEEN 1 AND 200),
    status text NOT NULL CHECK (status IN ('requested', 'sent', 'rejected', 'expired')),
    hold_id uuid NOT NULL UNIQUE,
    approvals_needed smallint NOT NULL CHECK (approvals_needed BETWEEN 1 AND 2),
    requested_by uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > requested_at),
    decided_by uuid,
    decided_at timestamptz,
    transfer_id uuid UNIQUE,
    UNIQUE (id, requested_by),
    CHECK ((status = 'requested') = (decided_at IS NULL)),
    CHECK ((status = 'sent') = (transfer_id IS NOT NULL)),
    CHECK ((status IN ('sent', 'rejected')) = (decided_by IS NOT NULL))
) WITH (fillfactor = 90);
CREATE INDEX withdrawal_customer ON funding.withdrawal (customer_id, requested_at);
CREATE INDEX withdrawal_customer_id ON funding.withdrawal (customer_id, id);
CREATE INDEX withdrawal_open ON funding.withdrawal (expires_at) WHERE status = 'requested';

CREATE TABLE funding.approval (
    withdrawal_id uuid NOT NULL,
    requested_by uuid NOT NULL,
    approver_id uuid NOT NULL,
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (withdrawal_id, approver_id),
    FOREIGN KEY (withdrawal_id, requested_by) REFERENCES funding.withdrawal (id, requested_by),
    CHECK (approver_id <> requested_by)
);

CREATE TABLE funding.history (
    subject_id uuid NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    status text NOT NULL,
    actor_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    note text NOT NULL CHECK (length(note) <= 500),
    PRIMARY KEY (subject_id, position)
);

-- A withdrawal leaves only with its approvals, whatever the code believes.
CREATE FUNCTION funding.refuse_unapproved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM funding.approval WHERE withdrawal_id = NEW.id) < NEW.approvals_needed THEN
        RAISE EXCEPTION 'withdrawal % is sent without its approvals', NEW.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approved BEFORE UPDATE ON funding.withdrawal
    FOR EACH ROW WHEN (NEW.status = 'sent') EXECUTE FUNCTION funding.refuse_unapproved();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON funding.approval
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON funding.history
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

GRANT SELECT, INSERT ON funding.deposit, funding.withdrawal, funding.approval, funding.history TO cambista_app;
GRANT UPDATE (status, decided_by, decided_at, decision_transfer_id) ON funding.deposit TO cambista_app;
GRANT UPDATE (status, decided_by, decided_at, transfer_id) ON funding.withdrawal TO cambista_app;
