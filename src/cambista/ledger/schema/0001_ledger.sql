-- Accounts, transfers, postings, holds. Postings and transfers are append-only by right and by trigger.
CREATE SCHEMA IF NOT EXISTS ledger;

CREATE TABLE ledger.account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    owner text NOT NULL,
    asset text NOT NULL,
    branch text NOT NULL DEFAULT 'main',
    posted bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    floor bigint,
    frozen boolean NOT NULL DEFAULT false,
    number bigint NOT NULL DEFAULT 0,
    booked_at timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    UNIQUE (owner, asset, kind),
    CHECK (held >= 0),
    CHECK (floor IS NULL OR posted - held >= floor)
) WITH (fillfactor = 60);

CREATE TABLE ledger.transfer (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    booked_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    hold_id uuid,
    reverses uuid
);
CREATE UNIQUE INDEX transfer_reverses ON ledger.transfer (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX transfer_booked ON ledger.transfer USING brin (booked_at);

-- One row moves money between two accounts, so no row can unbalance the books. Each side carries the account's number and balance after it.
CREATE TABLE ledger.posting (
    transfer_id uuid NOT NULL,
    ordinal smallint NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    source_id bigint NOT NULL,
    source_number bigint NOT NULL,
    source_balance bigint NOT NULL,
    destination_id bigint NOT NULL,
    destination_number bigint NOT NULL,
    destination_balance bigint NOT NULL,
    booked_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    CHECK (source_id <> destination_id)
);
CREATE UNIQUE INDEX posting_source ON ledger.posting (source_id, source_number);
CREATE UNIQUE INDEX posting_destination ON ledger.posting (destination_id, destination_number);
CREATE UNIQUE INDEX posting_transfer ON ledger.posting (transfer_id, ordinal);
CREATE INDEX posting_booked ON ledger.posting USING brin (booked_at);

CREATE TABLE ledger.hold (
    id uuid PRIMARY KEY,
    account_id bigint NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    expires_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'captured', 'released', 'expired')),
    captured_units bigint NOT NULL DEFAULT 0 CHECK (captured_units BETWEEN 0 AND units),
    created_at timestamptz NOT NULL,
    closed_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX hold_open ON ledger.hold (expires_at) WHERE status = 'open';

-- What the self-audit found, with the counter-example.
CREATE TABLE ledger.breach (
    id uuid PRIMARY KEY,
    found_at timestamptz NOT NULL,
    "check" text NOT NULL,
    subject text NOT NULL,
    account_id bigint,
    expected text NOT NULL,
    found text NOT NULL
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.posting
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.breach
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

-- The number of an account's last posting booked at or before a moment; numbers and booked times rise together.
CREATE FUNCTION ledger.number_as_of(of_account bigint, moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE low bigint := 0; high bigint; middle bigint; booked timestamptz;
BEGIN
    SELECT number INTO high FROM ledger.account WHERE id = of_account;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        SELECT p.booked_at INTO booked FROM (
            SELECT booked_at FROM ledger.posting WHERE source_id = of_account AND source_number = middle
            UNION ALL
            SELECT booked_at FROM ledger.posting WHERE destination_id = of_account AND destination_number = middle
        ) p;
        IF booked <= moment THEN low := middle; ELSE high := middle - 1; END IF;
    END LOOP;
    RETURN low;
END $$;

GRANT SELECT, INSERT ON ledger.transfer, ledger.posting, ledger.breach TO cambista_app;
GRANT SELECT, INSERT, UPDATE ON ledger.account, ledger.hold TO cambista_app;
