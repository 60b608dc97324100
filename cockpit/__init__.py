"""Cockpit: a terminal cockpit for traders who let AI clients work on their broker account."""
