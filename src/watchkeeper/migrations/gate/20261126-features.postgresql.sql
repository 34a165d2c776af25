-- Whether each command of each feature is on. What has no row here is refused; the manifest is boundary/features.py.
-- The operator turns a feature on or off as a whole, which sets all its rows in one change of the gate.

CREATE TABLE boundary.features (
    command TEXT PRIMARY KEY,
    feature TEXT NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1))
);
INSERT INTO boundary.features (command, feature, enabled) VALUES
    ('invite_user', 'accounts', 1),
    ('change_role', 'accounts', 1),
    ('unsuspend_user', 'accounts', 1),
    ('delete_user', 'accounts', 1),
    ('set_phase', 'accounts', 1),
    ('deposit', 'deposits_and_locks', 1),
    ('pay_to_lock', 'deposits_and_locks', 1),
    ('create_listing', 'listings', 1),
    ('cancel_listing', 'listings', 1),
    ('remove_listing', 'listings', 1),
    ('make_offer', 'offers', 1),
    ('answer_offer', 'offers', 1),
    ('withdraw_offer', 'offers', 1),
    ('expire_offer', 'offers', 1),
    ('verify_delivery', 'delivery_verification', 1),
    ('reverse_lock', 'delivery_verification', 1),
    ('form_block', 'stored_goods', 1),
    ('write_off', 'stored_goods', 1),
    ('write_off_block', 'stored_goods', 1),
    ('storage_fee', 'storage_fee', 1),
    ('purchase', 'purchase', 1),
    ('cancel_purchase', 'purchase', 1),
    ('pickup', 'purchase', 1),
    ('purchase_expiry', 'purchase', 1),
    ('payout', 'payouts_and_withdrawals', 1),
    ('withdraw', 'payouts_and_withdrawals', 1),
    ('send_notice', 'notices', 1),
    ('reconcile', 'reconciliation', 1),
    ('reconcile_part', 'reconciliation', 1);

-- Every time that a feature was turned, so that a row that says something else was not set by the operator.
CREATE TABLE boundary.feature_turns (
    number BIGINT PRIMARY KEY CHECK (number > 0),
    feature TEXT NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    generation BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE OR REPLACE TRIGGER feature_turns_refuses_change BEFORE UPDATE OR DELETE ON boundary.feature_turns FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE boundary.feature_turns ENABLE ALWAYS TRIGGER feature_turns_refuses_change;
CREATE OR REPLACE TRIGGER feature_turns_refuses_truncate BEFORE TRUNCATE ON boundary.feature_turns FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE boundary.feature_turns ENABLE ALWAYS TRIGGER feature_turns_refuses_truncate;

GRANT SELECT ON boundary.features, boundary.feature_turns TO {market}, {control};
-- A feature is the operator's to turn, never the market's.
GRANT INSERT, UPDATE ON boundary.features TO {control};
GRANT INSERT ON boundary.feature_turns TO {control};
