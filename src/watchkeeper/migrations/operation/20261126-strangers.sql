-- Rows that no journal row owns, found without going through all the others.
CREATE INDEX sealed_strangers ON sealed_rows (table_name, key) WHERE log = 'side';
