"""What is remembered: one SQLite file, one writer with group commit, and the audit chain."""
