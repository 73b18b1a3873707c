-- Orders on the house's own book: the commands of each pair's book, its snapshots, orders, fills, schedules of parents.
-- Where a pair's book stands: the number of its last command, and the stamp of the transaction that wrote it.
CREATE TABLE trading.book (
    pair text PRIMARY KEY,
    number bigint NOT NULL DEFAULT 0 CHECK (number >= 0),
    stamp uuid
) WITH (fillfactor = 50);

CREATE TABLE trading.book_command (
    pair text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    stamp uuid NOT NULL,
    command bytea NOT NULL,
    PRIMARY KEY (pair, number)
);

CREATE TABLE trading.book_snapshot (
    pair text NOT NULL,
    number bigint NOT NULL,
    hash text NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (pair, number)
);

CREATE TABLE trading.book_order (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    client_order_id text,
    parent_id uuid,
    pair text NOT NULL,
    number bigint,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    type text NOT NULL,
    lots bigint NOT NULL CHECK (lots > 0),
    lot_units bigint NOT NULL CHECK (lot_units > 0),
    tick numeric NOT NULL CHECK (tick > 0),
    limit_ticks bigint NOT NULL CHECK (limit_ticks > 0),
    price_ticks bigint,
    stop_ticks bigint,
    trail_ticks bigint,
    trail_bps integer,
    visible_lots bigint,
    time_in_force text NOT NULL,
    post_only boolean NOT NULL,
    expires_at timestamptz,
    lot_cost bigint NOT NULL CHECK (lot_cost > 0),
    maker_bps integer NOT NULL,
    taker_bps integer NOT NULL,
    created_at timestamptz NOT NULL,
    status text NOT NULL
        CHECK (status IN ('new', 'working', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected')),
    reason text NOT NULL,
    left_lots bigint NOT NULL CHECK (left_lots BETWEEN 0 AND lots),
    shown_lots bigint NOT NULL CHECK (shown_lots BETWEEN 0 AND left_lots),
    quote_units bigint NOT NULL,
    fee_units bigint NOT NULL,
    UNIQUE (pair, number),
    UNIQUE (customer_id, client_order_id),
    CHECK ((status = 'filled') = (left_lots = 0))
) WITH (fillfactor = 70);
CREATE INDEX book_order_customer ON trading.book_order (customer_id, id);
CREATE INDEX book_order_open ON trading.book_order (customer_id)
    WHERE status IN ('new', 'working', 'partially_filled');
CREATE INDEX book_order_shown ON trading.book_order (pair, side, limit_ticks) WHERE shown_lots > 0;
CREATE INDEX book_order_asleep ON trading.book_order (pair) WHERE status = 'new';
CREATE INDEX book_order_parents ON trading.book_order (id)
    WHERE number IS NULL AND status IN ('working', 'partially_filled');
CREATE INDEX book_order_children ON trading.book_order (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX book_order_due ON trading.book_order (expires_at)
    WHERE expires_at IS NOT NULL AND status IN ('new', 'working', 'partially_filled');

-- An order that has ended stays as it is; what it is never changes, only where it stands.
CREATE FUNCTION trading.refuse_revival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % has ended as %', OLD.id, OLD.status;
END $$;
CREATE TRIGGER ended BEFORE UPDATE ON trading.book_order FOR EACH ROW
    WHEN (OLD.status IN ('filled', 'cancelled', 'expired', 'rejected')) EXECUTE FUNCTION trading.refuse_revival();

-- One row for each of the two orders of an execution; the id is that of the transfer that settled it.
CREATE TABLE trading.fill (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    pair text NOT NULL,
    maker boolean NOT NULL,
    side text NOT NULL,
    price numeric NOT NULL CHECK (price > 0),
    base_units bigint NOT NULL CHECK (base_units > 0),
    quote_units bigint NOT NULL CHECK (quote_units >= 0),
    fee_units bigint NOT NULL CHECK (fee_units >= 0),
    left_units bigint NOT NULL CHECK (left_units >= 0),
    executed_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, id)
);
CREATE INDEX fill_executed ON trading.fill USING brin (executed_at);

-- How a parent (TWAP, VWAP) is sliced: all that its children follow from, and the fair price when it came.
CREATE TABLE trading.schedule (
    order_id uuid PRIMARY KEY,
    seed bigint NOT NULL,
    started_at timestamptz NOT NULL,
    duration_s integer NOT NULL CHECK (duration_s > 0),
    arrival_ticks bigint NOT NULL CHECK (arrival_ticks > 0),
    curve bigint[] NOT NULL
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.book_command
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.book_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.fill
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.schedule
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

GRANT SELECT, INSERT ON trading.book_command, trading.book_snapshot, trading.fill, trading.schedule TO cambista_app;
GRANT SELECT, INSERT, UPDATE ON trading.book, trading.book_order TO cambista_app;

-- What an owner may read: its orders and their fills.
CREATE TABLE trading.own_book_order (LIKE trading.book_order);
ALTER TABLE trading.own_book_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON trading.own_book_order FOR SELECT TO cambista_own USING (customer_id = runtime.own_id());
ALTER TABLE trading.book_order INHERIT trading.own_book_order;

CREATE TABLE trading.own_fill (LIKE trading.fill);
ALTER TABLE trading.own_fill ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON trading.own_fill FOR SELECT TO cambista_own USING (customer_id = runtime.own_id());
ALTER TABLE trading.fill INHERIT trading.own_fill;

GRANT SELECT ON trading.own_book_order, trading.own_fill TO cambista_own;
