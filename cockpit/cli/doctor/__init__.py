"""`cockpit doctor`: looks at everything that a cockpit needs, and says what is wrong and what mends it."""
