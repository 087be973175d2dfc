// The official TypeScript SDK of the older fleet.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { finish, talk } from './said.mjs';

const { URL: url, KEY: key } = process.env;

const client = new Client({ name: 'clients', version: '1' }, { capabilities: {} });
const headers = { Authorization: `Bearer ${key}` };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
await talk('ts sdk 1', {
  tools: async () => (await client.listTools()).tools,
  call: (tool, args, more) => client.callTool({ name: tool, arguments: args }, undefined, more),
  resources: async () => (await client.listResources()).resources,
  read: (uri) => client.readResource({ uri }),
  prompt: (prompt, args) => client.getPrompt({ name: prompt, arguments: args }),
});
await client.close();
finish();
