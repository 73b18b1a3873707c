-- What an owner may read of funding: its deposits, and its withdrawals with who approved them.
CREATE TABLE funding.own_deposit (LIKE funding.deposit);
ALTER TABLE funding.own_deposit ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON funding.own_deposit FOR SELECT TO cambista_own USING (customer_id = runtime.own_id());
ALTER TABLE funding.deposit INHERIT funding.own_deposit;

CREATE TABLE funding.own_withdrawal (LIKE funding.withdrawal);
ALTER TABLE funding.own_withdrawal ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON funding.own_withdrawal FOR SELECT TO cambista_own USING (customer_id = runtime.own_id());
ALTER TABLE funding.withdrawal INHERIT funding.own_withdrawal;

CREATE TABLE funding.own_approval (LIKE funding.approval);
ALTER TABLE funding.own_approval ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON funding.own_approval FOR SELECT TO cambista_own USING (
    EXISTS (SELECT FROM funding.own_withdrawal w WHERE w.id = withdrawal_id)
);
ALTER TABLE funding.approval INHERIT funding.own_approval;

GRANT USAGE ON SCHEMA funding TO cambista_own;
GRANT SELECT ON funding.own_deposit, funding.own_withdrawal, funding.own_approval TO cambista_own;
