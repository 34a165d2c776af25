-- What came before what is told by numbers: a clock that jumped says nothing of it.

-- The newest full pass that had begun when a finding was seen; one with a higher number began after it.
ALTER TABLE findings ADD COLUMN full_pass INTEGER NOT NULL DEFAULT 0;
UPDATE findings SET full_pass = (SELECT coalesce(max(id), 0) FROM full_passes WHERE begun_at IS NOT NULL);

-- The newest finding when a lift was decided; one with a higher number was not looked at by who decided.
ALTER TABLE lifts ADD COLUMN newest_finding INTEGER NOT NULL DEFAULT 0;
UPDATE lifts SET newest_finding =
    (SELECT coalesce(max(f.id), 0) FROM findings f WHERE f.seen_at <= lifts.decided_at);
