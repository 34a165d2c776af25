-- Which notice somebody has read, and when; it goes with the person.
CREATE TABLE notice_reads (
    user_id INTEGER NOT NULL,
    notice_id INTEGER NOT NULL,
    read_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, notice_id)
) STRICT;
