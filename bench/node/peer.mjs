// The TypeScript SDK's own server for comparison: one tool, no authentication, no audit. `node peer.mjs PORT`.
// The modern era is served by its own handler, the handshake era in sessions, both as the SDK shows it.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';

const QUOTE = {
  symbol: 'ALFA', bid: '101.23', ask: '101.25', bid_size: '300', ask_size: '200', last: '101.24',
  as_of: '2026-01-05T15:30:00.000+00:00', age_ms: 12, source: 'paper', data_type: 'simulated',
};
const TOOL = {
  name: 'get_quote',
  description: 'Best bid and ask of one instrument.',
  inputSchema: { type: 'object', properties: { symbol: { type: 'string' } }, required: ['symbol'] },
};

function newServer() {
  const server = new Server({ name: 'peer', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', async () => ({ tools: [TOOL] }));
  server.setRequestHandler('tools/call', async (request) => {
    if (request.params.name !== TOOL.name) throw new Error(request.params.name);
    return { content: [{ type: 'text', text: JSON.stringify(QUOTE) }], structuredContent: QUOTE, isError: false };
  });
  return server;
}

const modern = toNodeHandler(createMcpHandler(newServer, { legacy: 'reject' }));
const sessions = new Map();

async function legacy(request, response) {
  const known = sessions.get(request.headers['mcp-session-id']);
  if (known !== undefined) return known.handleRequest(request, response);
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => { sessions.set(id, transport); },
  });
  await newServer().connect(transport);
  return transport.handleRequest(request, response);
}

createServer((request, response) => {
  const serve = request.headers['mcp-protocol-version'] === '2026-07-28' ? modern : legacy;
  return serve(request, response);
}).listen(Number(process.argv[2]), '127.0.0.1');
