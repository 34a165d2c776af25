-- The phase that the market is in; a row with each change, the last one holds. Without a row it is a pilot.
CREATE TABLE market.phases (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('pilot', 'production')),
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX phases_by_utid ON market.phases (utid);
CREATE VIEW boundary.watch_phases AS SELECT id, utid, phase, reason, at FROM market.phases;
CREATE OR REPLACE TRIGGER phases_refuses_change BEFORE UPDATE OR DELETE ON market.phases FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.phases ENABLE ALWAYS TRIGGER phases_refuses_change;
CREATE OR REPLACE TRIGGER phases_refuses_truncate BEFORE TRUNCATE ON market.phases FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.phases ENABLE ALWAYS TRIGGER phases_refuses_truncate;
-- Each act that makes somebody active counts the active ones of that role.
CREATE INDEX user_state_by_role ON market.user_state (role, status);
GRANT SELECT, INSERT ON market.phases TO {market};
GRANT SELECT ON boundary.watch_phases TO {watch};
