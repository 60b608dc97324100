-- What one of an order was worth when it was judged last, and when its risk was raised last.
ALTER TABLE orders ADD COLUMN unit_worth TEXT;
ALTER TABLE orders ADD COLUMN raised_at INTEGER;
CREATE INDEX orders_raised ON orders (raised_at) WHERE raised_at IS NOT NULL;

-- A client's name means the same in any case.
UPDATE OR REPLACE limits_set SET name = lower(name) WHERE holder = 'client';
