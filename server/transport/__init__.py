"""The MCP transport: Streamable HTTP for both protocol eras, on the SDK's kernel and with a short way for calls of tools."""
