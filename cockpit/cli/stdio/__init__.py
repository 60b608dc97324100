"""MCP over standard input and output: a relay to the running process."""
