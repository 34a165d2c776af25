-- Whether a full pass read everything and came to its end, apart from what it found.
ALTER TABLE full_passes ADD COLUMN whole INTEGER NOT NULL DEFAULT 0 CHECK (whole IN (0, 1));
