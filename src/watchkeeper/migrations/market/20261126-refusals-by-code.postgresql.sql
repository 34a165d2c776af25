-- How often something was refused for one reason is asked each minute.
CREATE INDEX refusal_counts_by_code ON market.refusal_counts (code, minute);
