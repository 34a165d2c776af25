-- Whether each command of each feature is on. What has no row here is refused; the manifest is boundary/features.py.
-- The operator turns a feature on or off as a whole, which sets all its rows in one change of the gate.

CREATE TABLE features (
    command TEXT PRIMARY KEY,
    feature TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1))
) STRICT;
INSERT INTO features (command, feature, enabled) VALUES
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
CREATE TABLE feature_turns (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    feature TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    generation INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER feature_turns_refuses_update BEFORE UPDATE ON feature_turns
BEGIN
    SELECT RAISE(ABORT, 'feature_turns is append-only');
END;
CREATE TRIGGER feature_turns_refuses_delete BEFORE DELETE ON feature_turns
BEGIN
    SELECT RAISE(ABORT, 'feature_turns is append-only');
END;
