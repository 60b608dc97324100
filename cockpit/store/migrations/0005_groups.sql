ALTER TABLE orders ADD COLUMN stop_price TEXT;
ALTER TABLE orders ADD COLUMN trail_amount TEXT;
ALTER TABLE orders ADD COLUMN trail_percent TEXT;
ALTER TABLE orders ADD COLUMN outside_hours INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN group_id TEXT;
ALTER TABLE orders ADD COLUMN linkage TEXT;
ALTER TABLE orders ADD COLUMN role TEXT NOT NULL DEFAULT 'single';
ALTER TABLE orders ADD COLUMN expected_position TEXT;

CREATE INDEX orders_by_group ON orders (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX executions_by_connection ON executions (connection, at DESC);
