-- What an owner may read of the ledger: its accounts and holds, and the postings and transfers that touch them.
CREATE TABLE ledger.own_account (LIKE ledger.account);
ALTER TABLE ledger.own_account ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger.own_account FOR SELECT TO cambista_own USING (
    owner = runtime.own_id()::text AND kind = 'customer'
);
ALTER TABLE ledger.account INHERIT ledger.own_account;

CREATE TABLE ledger.own_posting (LIKE ledger.posting);
ALTER TABLE ledger.own_posting ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger.own_posting FOR SELECT TO cambista_own USING (
    source_id IN (SELECT id FROM ledger.own_account) OR destination_id IN (SELECT id FROM ledger.own_account)
);
ALTER TABLE ledger.posting INHERIT ledger.own_posting;

CREATE TABLE ledger.own_transfer (LIKE ledger.transfer);
ALTER TABLE ledger.own_transfer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger.own_transfer FOR SELECT TO cambista_own USING (
    EXISTS (SELECT FROM ledger.own_posting p WHERE p.transfer_id = own_transfer.id)
);
ALTER TABLE ledger.transfer INHERIT ledger.own_transfer;

CREATE TABLE ledger.own_hold (LIKE ledger.hold);
ALTER TABLE ledger.own_hold ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger.own_hold FOR SELECT TO cambista_own USING (
    account_id IN (SELECT id FROM ledger.own_account)
);
ALTER TABLE ledger.hold INHERIT ledger.own_hold;

-- As ledger.number_as_of, of one's own accounts.
CREATE FUNCTION ledger.own_number_as_of(of_account bigint, moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE
AS $$
DECLARE low bigint := 0; high bigint; middle bigint; booked timestamptz;
BEGIN
    SELECT number INTO high FROM ledger.own_account WHERE id = of_account;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        SELECT p.booked_at INTO booked FROM (
            SELECT booked_at FROM ledger.own_posting WHERE source_id = of_account AND source_number = middle
            UNION ALL
            SELECT booked_at FROM ledger.own_posting WHERE destination_id = of_account AND destination_number = middle
        ) p;
        IF booked <= moment THEN low := middle; ELSE high := middle - 1; END IF;
    END LOOP;
    RETURN low;
END $$;

-- Who stands on the other side of one's postings: the house's accounts by name, another customer only as one.
CREATE VIEW ledger.counterparty AS
    SELECT id, kind, CASE WHEN kind = 'customer' THEN '' ELSE owner END AS owner FROM ledger.account;

GRANT USAGE ON SCHEMA ledger TO cambista_own;
GRANT SELECT ON
    ledger.own_account, ledger.own_posting, ledger.own_transfer, ledger.own_hold, ledger.counterparty
    TO cambista_own;
GRANT SELECT ON ledger.counterparty TO cambista_app;
