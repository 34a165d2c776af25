-- The leaves in a table with row ids. Most leaves are longer than a quarter of a page, and a table WITHOUT ROWID keeps what is
-- longer on a page of its own: two thirds of the store were empty space, written and read with each leaf.

CREATE TABLE seal_leaves_packed (
    log TEXT NOT NULL CHECK (log IN ('main', 'side')),
    idx INTEGER NOT NULL CHECK (idx >= 0),
    bytes BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT;
INSERT INTO seal_leaves_packed (log, idx, bytes) SELECT log, idx, bytes FROM seal_leaves ORDER BY log, idx;
DROP TABLE seal_leaves;
ALTER TABLE seal_leaves_packed RENAME TO seal_leaves;
CREATE TRIGGER seal_leaves_refuses_update BEFORE UPDATE ON seal_leaves
BEGIN
    SELECT RAISE(ABORT, 'seal_leaves is append-only');
END;
CREATE TRIGGER seal_leaves_refuses_delete BEFORE DELETE ON seal_leaves
BEGIN
    SELECT RAISE(ABORT, 'seal_leaves is append-only');
END;
