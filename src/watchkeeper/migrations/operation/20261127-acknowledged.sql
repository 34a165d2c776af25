-- What acknowledgements brought stands with the account, so that it leaves the total when it counts no more.
ALTER TABLE account_state ADD COLUMN acknowledged_ugx INTEGER NOT NULL DEFAULT 0;
