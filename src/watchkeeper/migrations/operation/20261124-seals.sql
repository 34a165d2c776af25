-- The transparency log: every leaf with its bytes (the copy from which a row is repaired) and every complete node of
-- the Merkle tree above it. Append-only; indexes are 0-based, level 0 is the leaves.

CREATE TABLE seal_leaves (
    log TEXT NOT NULL CHECK (log IN ('main', 'side')),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    bytes BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER seal_leaves_refuses_update BEFORE UPDATE ON seal_leaves
BEGIN
    SELECT RAISE(ABORT, 'seal_leaves is append-only');
END;
CREATE TRIGGER seal_leaves_refuses_delete BEFORE DELETE ON seal_leaves
BEGIN
    SELECT RAISE(ABORT, 'seal_leaves is append-only');
END;

CREATE TABLE seal_nodes (
    log TEXT NOT NULL CHECK (log IN ('main', 'side')),
    level INTEGER NOT NULL CHECK (level >= 0),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (log, level, idx)
) STRICT, WITHOUT ROWID;
