-- Payments that stand in the books or in a provider's statement alone for more than a day, as they were last told of: what is
-- not among them is news, and what goes on standing there is not.

CREATE TABLE unexplained_money (
    condition TEXT NOT NULL,
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    way TEXT NOT NULL,
    amount_ugx INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (condition, provider, reference, way, amount_ugx)
) STRICT, WITHOUT ROWID;
