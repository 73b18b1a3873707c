-- A withdrawal that a rail has refused after it was let go is `returned`: its money is the customer's again.
ALTER TABLE funding.withdrawal
    DROP CONSTRAINT withdrawal_status_check,
    ADD CONSTRAINT withdrawal_status_check CHECK (status IN ('requested', 'sent', 'rejected', 'expired', 'returned')),
    DROP CONSTRAINT withdrawal_check2,
    ADD CONSTRAINT withdrawal_check2 CHECK ((status IN ('sent', 'returned')) = (transfer_id IS NOT NULL)),
    DROP CONSTRAINT withdrawal_check3,
    ADD CONSTRAINT withdrawal_check3 CHECK ((status IN ('sent', 'rejected', 'returned')) = (decided_by IS NOT NULL));
