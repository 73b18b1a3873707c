-- Draws: what a transfer took off a hold that stays open with the rest. Append-only; the hold keeps their sum.
ALTER TABLE ledger.own_hold ADD COLUMN drawn_units bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger.hold ADD CHECK (drawn_units BETWEEN 0 AND units);

CREATE TABLE ledger.draw (
    transfer_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    drawn_at timestamptz NOT NULL,
    PRIMARY KEY (transfer_id, hold_id)
);
CREATE INDEX draw_hold ON ledger.draw (hold_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.draw
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

CREATE TABLE ledger.own_draw (LIKE ledger.draw);
ALTER TABLE ledger.own_draw ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON ledger.own_draw FOR SELECT TO cambista_own USING (
    hold_id IN (SELECT id FROM ledger.own_hold)
);
ALTER TABLE ledger.draw INHERIT ledger.own_draw;

GRANT SELECT, INSERT ON ledger.draw TO cambista_app;
GRANT SELECT ON ledger.own_draw TO cambista_own;
