-- Which correction of a fill is known: Interactive Brokers tells them apart by the last part of its ids.
ALTER TABLE executions ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- A fill that was kept under such a whole id gets the one under which it is known when it is told again: without that
-- part. Where a correction was kept as a second fill, one of both keeps its own.
UPDATE OR IGNORE executions
SET execution_id = substr(execution_id, 1, length(execution_id) - 3), revision = CAST(substr(execution_id, -2) AS INTEGER)
WHERE execution_id GLOB '*.*.*.[0-9][0-9]' AND execution_id NOT GLOB '*.*.*.*.*';
