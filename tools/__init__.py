"""What a client may ask for: the MCP tools, one small function each."""
