"""A small AI client for the demo: a process of its own that registers, asks for consent and trades like any other."""
