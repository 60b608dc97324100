-- Whether an order was made to bring a position to a target, so that no other order of its symbol may work beside it.
ALTER TABLE orders ADD COLUMN to_target INTEGER NOT NULL DEFAULT 0 CHECK (to_target IN (0, 1));
