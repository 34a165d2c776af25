-- Who was what from which journal number on, as it was sealed: `value` is a role (role_history) or a step (user_steps).
-- So a check asks for one account at one number, whatever anybody did to the books since.

CREATE TABLE people_steps (
    table_name TEXT NOT NULL CHECK (table_name IN ('role_history', 'user_steps')),
    key INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (table_name, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX people_steps_by_user ON people_steps (user_id, table_name, n, key);

-- What was sealed before this table was.
INSERT INTO people_steps (table_name, key, user_id, n, value)
SELECT s.table_name, s.key, json_extract(e.value, '$[1].user_id'), s.idx + 1,
    coalesce(json_extract(e.value, '$[1].role_after'), json_extract(e.value, '$[1].step'))
FROM sealed_rows s
JOIN seal_leaves l ON l.log = s.log AND l.idx = s.idx
JOIN json_each(CAST(l.bytes AS TEXT), '$.effects') e
WHERE s.log = 'main' AND s.table_name IN ('role_history', 'user_steps')
    AND json_extract(e.value, '$[0]') = s.table_name AND json_extract(e.value, '$[1].id') = s.key;

-- Of a restriction that is no longer in force one asks who decided that.
CREATE INDEX lifts_by_restriction ON lifts (restriction_id);
