-- What the house sent to outside venues, what they said it became, what we should own there, and where the two differ.
CREATE SCHEMA IF NOT EXISTS venues;

-- `state` is `sent` until the venue's first word, `lost` once it can no longer come to be; the others are the venue's.
CREATE TABLE venues.sent_order (
    client_id uuid PRIMARY KEY,
    venue text NOT NULL,
    pair text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity numeric NOT NULL CHECK (quantity >= 0),
    limit_price numeric,
    time_in_force text NOT NULL,
    post_only boolean NOT NULL,
    state text NOT NULL DEFAULT 'sent' CHECK (
        state IN ('sent', 'lost', 'working', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected')
    ),
    filled numeric NOT NULL DEFAULT 0 CHECK (filled >= 0),
    spent numeric NOT NULL DEFAULT 0 CHECK (spent >= 0),
    reason text NOT NULL DEFAULT '',
    sent_at timestamptz NOT NULL,
    told_at timestamptz
) WITH (fillfactor = 80);

CREATE INDEX sent_order_under_way ON venues.sent_order (venue, client_id)
    WHERE state IN ('sent', 'working', 'partially_filled');

CREATE TABLE venues.fill (
    venue text NOT NULL,
    pair text NOT NULL,
    id text NOT NULL,
    client_id uuid NOT NULL REFERENCES venues.sent_order,
    price numeric NOT NULL CHECK (price > 0),
    quantity numeric NOT NULL CHECK (quantity > 0),
    fee numeric NOT NULL CHECK (fee >= 0),
    fee_asset text NOT NULL,
    filled_at timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (venue, pair, id)
);

CREATE INDEX fill_of_order ON venues.fill (client_id);

-- What the house should own at a venue: what was accepted as being there, plus every fill noted since.
CREATE TABLE venues.balance (
    venue text NOT NULL,
    asset text NOT NULL,
    expected numeric NOT NULL,
    told numeric,
    told_at timestamptz,
    PRIMARY KEY (venue, asset)
) WITH (fillfactor = 70);

-- `amount` is what the venue says beyond what we expect, in `asset`; none where the difference is no money.
CREATE TABLE venues.difference (
    id uuid PRIMARY KEY,
    venue text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('balance', 'order', 'stranger')),
    about text NOT NULL,
    expected text NOT NULL,
    told text NOT NULL,
    asset text,
    amount numeric,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'vanished', 'accepted')),
    found_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((state = 'open') = (ended_at IS NULL)),
    CHECK ((asset IS NULL) = (amount IS NULL))
);

CREATE UNIQUE INDEX difference_open ON venues.difference (venue, kind, about) WHERE state = 'open';

GRANT USAGE ON SCHEMA venues TO cambista_app;
GRANT SELECT, INSERT ON venues.fill TO cambista_app;
GRANT SELECT, INSERT, UPDATE ON venues.sent_order, venues.balance, venues.difference TO cambista_app;
