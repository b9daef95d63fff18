/** Tokens that the program itself obtains (`credentials`): asked for when one is needed, and no more often. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { TokenRefreshError } from 'bitting';
import { Roboticks } from 'roboticks';

import { run } from './child.mjs';
import { device, json, stub } from './stub.mjs';

/** A server that lets in who brings one of `tokens`. */
function accepting(t, ...tokens) {
  return stub(t, (request, response) => {
    const isKnown = tokens.some((token) => request.headers.authorization === `Bearer ${token}`);
    json(response, isKnown ? device(7) : { detail: 'Could not validate credentials' }, isKnown ? 200 : 401);
  });
}

/** Gives `tokens` one after the other, and counts. */
function vault(...tokens) {
  const credentials = async () => {
    credentials.count += 1;
    await wait(50);
    const given = tokens.length > 1 ? tokens.shift() : tokens[0];
    if (given instanceof Error) throw given;
    return given;
  };
  credentials.count = 0;
  return credentials;
}

const get = (client) => client.devices.get('acme', 'warehouse', '7');

/** A1, A4: one question for a thousand promises, and none before the first. */
test('a thousand promises ask once', async (t) => {
  const credentials = vault('fake.token.1');
  const client = new Roboticks({ credentials, baseURL: await accepting(t, 'fake.token.1'), environment: {} });
  assert.equal(credentials.count, 0);
  await Promise.all(Array.from({ length: 1000 }, () => get(client)));
  await get(client.withOptions({ timeout: 5000 }));
  assert.equal(credentials.count, 1);
  assert.ok(!inspect(client, { depth: Infinity, showHidden: true }).includes('fake.token'));
});

/** A5, A10, A15: once per expiry, and once more for a refusal. */
test('once per expiry, and once for a refusal', async (t) => {
  const baseURL = await accepting(t, 'fake.token.1', 'fake.token.3');
  const credentials = vault({ token: 'fake.token.1', expiresIn: 1000, scopes: ['a'] }, 'fake.token.2', 'fake.token.3');
  const client = new Roboticks({ credentials, baseURL, environment: {} });
  await get(client);
  const [{ expiresAt, scopes }] = client.auth.explain();
  assert.ok(expiresAt instanceof Date && scopes[0] === 'a');
  await wait(1200);
  await get(client);
  await get(client);
  assert.equal(credentials.count, 3, 'the second token was refused, and the third serves');
});

/** A8: what went wrong is told to all who wait. */
test('what a provider does wrong is told', async (t) => {
  const baseURL = await accepting(t);
  const failing = vault(new Error('no role in this cluster'));
  const client = new Roboticks({ credentials: failing, baseURL, environment: {} });
  for (const { reason } of await Promise.allSettled(Array.from({ length: 20 }, () => get(client)))) {
    assert.ok(reason instanceof TokenRefreshError && /provider failed: Error: no role in this cluster/.test(reason.message), reason.stack);
  }
  assert.equal(failing.count, 1);
  const wrong = new Roboticks({ credentials: () => 7, baseURL, environment: {} });
  await assert.rejects(get(wrong), /give a string or \{ token, expiresIn, scopes \}, not number/);
  assert.throws(() => new Roboticks({ credentials: 'fake.token.1' }), { name: 'ConfigError', message: /must be a function, not string/ });
  assert.throws(() => new Roboticks({ credentials: () => '', apiKey: 'rbtk_test_x' }), { name: 'ConfigError', message: /two ways to be let in/ });
});

/** E7: a provider keeps no process alive, and works in a worker. */
test('a program with a provider ends by itself', async (t) => {
  const baseURL = await accepting(t, 'fake.token.1');
  const program = `
    import { Worker, isMainThread } from 'node:worker_threads';
    import { Roboticks } from 'roboticks';
    globalThis.client = new Roboticks({ credentials: async () => 'fake.token.1', baseURL: '${baseURL}', environment: {} });
    console.log((await client.devices.get('acme', 'warehouse', '7')).name);
    const source = "import { Roboticks } from 'roboticks'; const client = new Roboticks({ credentials: () => 'fake.token.1', baseURL: '${baseURL}', environment: {} });" +
      "console.log((await client.devices.get('acme', 'warehouse', '7')).name);";
    new Worker(source, { eval: true });`;
  const { code, stdout, stderr } = await run(program);
  assert.deepEqual([code, stdout, stderr], [0, 'Picker 7\nPicker 7\n', '']);
});
