"""The only place that wires: every part is built, started in order and stopped in reverse here."""
