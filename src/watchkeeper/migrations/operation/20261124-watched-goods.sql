-- From here on the watch adds up the goods in store as well. What came into store before counts as still there: what had
-- been written off by then was never taken out of this total.
INSERT INTO totals (name, amount_ugx) SELECT 'goods', amount_ugx FROM totals WHERE name = 'lots';
