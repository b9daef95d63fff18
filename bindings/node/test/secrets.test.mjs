/** B7, B8, ARTOS-9: no secret is seen in what programs print. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { inspect } from 'node:util';

import { Roboticks } from 'roboticks';

import { json, stub } from './stub.mjs';

const canary = 'rbtk_test_canary_5f2a';

function printed(value) {
  return [
    inspect(value, { depth: null, showHidden: true, getters: false }),
    JSON.stringify(value),
    String(value),
    inspect({ value }, { depth: null }),
    value.stack ?? '',
  ].join('\n');
}

test('clients and their resources show no credential', () => {
  const credentials = [{ apiKey: canary }, { token: canary }, { username: 'ada', password: canary }, { baseURL: `https://x:${canary}@example.com`, apiKey: 'rbtk_test_x' }];
  for (const options of credentials) {
    let client;
    try {
      client = new Roboticks(options);
    } catch (error) {
      assert.ok(!printed(error).includes(canary));
      continue;
    }
    for (const value of [client, client.devices, client.withOptions({ timeout: 5 }), client.explainCredentials()]) {
      assert.ok(!printed(value).includes(canary), printed(value));
    }
    assert.equal(inspect(client), "Roboticks { api: 'roboticks' }");
  }
});

test('errors show no credential, even one that the server sends back', async (t) => {
  const baseURL = await stub(t, (request, response) => {
    const sent = request.headers.authorization ?? request.headers['x-api-key'];
    json(response, { detail: `no such key: ${sent}` }, 401, { 'set-cookie': `session=${canary}` });
  });
  const client = new Roboticks({ apiKey: canary, baseURL, maxRetries: 0 });
  for (const make of [() => client.devices.list('acme', 'warehouse'), () => client.devices.list('acme', 'warehouse', { limt: 1 })]) {
    const promise = make();
    const error = await promise.then(assert.fail, (error) => error);
    assert.ok(!printed(error).includes(canary), printed(error));
    assert.ok(!printed(promise).includes(canary), printed(promise));
  }
});

test('a wrong configuration is told without its values', () => {
  for (const options of [{ apiKey: [canary] }, { scopes: canary }, { apiKey: { nested: canary } }]) {
    assert.throws(() => new Roboticks(options), (error) => error.name === 'ConfigError' && !printed(error).includes(canary));
  }
});
