"""What to paste where, so that a client finds this cockpit."""
