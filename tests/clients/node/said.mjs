// One line of the Test Anything Protocol for each check, for scripts that another script runs.

import assert from 'node:assert/strict';

let made = 0;
let failed = 0;

// Runs one check and says how it went.
export async function that(what, check) {
  made += 1;
  try {
    await check();
    console.log(`ok ${made} - ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${made} - ${what}`);
    for (const line of String(error.stack ?? error).split('\n')) console.log(`#   ${line}`);
  }
}

// Says how many checks there were.
export function finish() {
  console.log(`1..${made}`);
  process.exit(failed ? 1 : 0);
}

// What a client does with the server, whatever it is written with. `listens` is there where it can listen.
export async function talk(name, client, listens) {
  const { STORE, STORE_KEY } = process.env;
  const say = (what, check) => that(`${name}: ${what}`, check);
  const raw = (tool, args = {}, options) => client.call(tool, args, options);
  const call = async (tool, args) => {
    const result = await raw(tool, args);
    assert.notEqual(result.isError, true, JSON.stringify(result));
    return result.structuredContent;
  };
  await say('list', async () => {
    const names = (await client.tools()).map((tool) => tool.name);
    for (const tool of ['orders_list', 'changes_erase', 'shelf_read_aloud']) assert.ok(names.includes(tool), names.join());
  });
  await say('call and page', async () => {
    // Whoever talks twice with one key has it already.
    await call('stores_register', { store_id: STORE, api_key: STORE_KEY, replace: true });
    const first = await call('orders_list', { limit: 2 });
    const second = await call('orders_list', { limit: 2, cursor: first.next_cursor });
    const seen = first.orders.map((order) => order.id);
    assert.ok(second.orders.every((order) => !seen.includes(order.id)));
  });
  await say('error', async () => {
    const result = await raw('orders_get', { order_id: '999999999' });
    assert.equal(result.isError, true);
    assert.match(result.content[0].text, /999999999/);
  });
  await say('progress', async () => {
    const heard = [];
    const onprogress = ({ progress, total }) => heard.push([progress, total]);
    await raw('shelf_read_aloud', { pages: 3, page_ms: 120 }, { onprogress });
    assert.deepEqual(heard, [[1, 3], [2, 3], [3, 3]]);
  });
  await say('cancel', async () => {
    const signal = AbortSignal.timeout(1000);
    await assert.rejects(raw('shelf_read_aloud', { pages: 100, page_ms: 200 }, { signal }));
    await call('stores_list');
  });
  await say('confirm', async () => {
    await call('changes_set', { key: name, value: 'here' });
    const preview = await call('changes_erase', { key: name, dry_run: true });
    const erased = await call('changes_erase', { key: name, confirm_token: preview.confirm_token });
    assert.equal(erased.erased, true);
  });
  if (client.asked) {
    await say('a person confirms', async () => {
      await call('changes_set', { key: name, value: 'here' });
      const before = client.asked.length;
      const erased = await call('changes_erase', { key: name });
      assert.equal(erased.erased, true);
      assert.equal(client.asked.length, before + 1);
    });
  }
  await say('resources', async () => {
    const uris = (await client.resources()).map((resource) => resource.uri);
    assert.ok(uris.includes('shelf://about'), uris.join());
    const read = await client.read('shelf://books/Emma/7');
    assert.match(read.contents[0].text, /Page 7 of Emma/);
  });
  await say('prompts', async () => {
    const prompt = await client.prompt('shelf_recommend', { topic: 'bees' });
    assert.match(prompt.messages[0].content.text, /bees/);
  });
  if (listens) await say('listen', listens);
}
