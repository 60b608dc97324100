-- Whether the operator was told that an alert fired: what stops between the two is told after the next start.
ALTER TABLE alerts ADD COLUMN told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1));
UPDATE alerts SET told = 1 WHERE fired_at IS NOT NULL;
