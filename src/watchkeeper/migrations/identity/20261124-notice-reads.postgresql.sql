-- Which notice somebody has read, and when; it goes with the person.
CREATE TABLE identity.notice_reads (
    user_id BIGINT NOT NULL,
    notice_id BIGINT NOT NULL,
    read_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, notice_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON identity.notice_reads TO {market};
