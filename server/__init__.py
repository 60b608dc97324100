"""How the outside reaches in: the aiohttp application, the MCP transport, the OAuth routes and the control socket."""
