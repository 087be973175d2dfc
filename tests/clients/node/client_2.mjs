// The official TypeScript client, as it negotiates by itself, and in the new era.

import assert from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { finish, talk, that } from './said.mjs';

const { URL: url, KEY: key } = process.env;

async function converse(mode, revision) {
  const name = `ts client ${mode ?? 'default'}`;
  const options = { capabilities: { elicitation: { form: {} } } };
  if (mode) options.versionNegotiation = { mode };
  const client = new Client({ name: 'clients', version: '1' }, options);
  const asked = [];
  client.setRequestHandler('elicitation/create', async (request) => {
    asked.push(request.params.message);
    return { action: 'accept', content: { confirm: true } };
  });
  const headers = { Authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  await that(`${name}: speaks ${revision}`, async () => assert.equal(client.getNegotiatedProtocolVersion(), revision));
  const modern = revision === '2026-07-28';
  const listens = async () => {
    const subscription = await client.listen({ toolsListChanged: true });
    await subscription.close();
  };
  await talk(name, {
    tools: async () => (await client.listTools()).tools,
    call: (tool, args, more) => client.callTool({ name: tool, arguments: args }, more),
    resources: async () => (await client.listResources()).resources,
    read: (uri) => client.readResource({ uri }),
    prompt: (prompt, args) => client.getPrompt({ name: prompt, arguments: args }),
    // Without sessions, the older era cannot be asked.
    asked: modern ? asked : undefined,
  }, modern ? listens : undefined);
  await client.close();
}

await converse(undefined, '2025-11-25');
await converse('auto', '2026-07-28');
finish();
