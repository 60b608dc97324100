"""The embedded paper broker: a pure matching engine over a seeded market, whose account survives restarts."""
