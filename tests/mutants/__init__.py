"""Plants one fault at a time in a room's code and runs the tests that should notice it."""
