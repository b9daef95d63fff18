/** A crowd at the end of a token: what a client shares with everybody else. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { Roboticks } from 'roboticks';

import { serve } from './reference.mjs';

/** A1, A10: 5,000 promises whose token has ended share one new login. */
test('five thousand promises log in once', async (t) => {
  const server = await serve(t, 'roboticks');
  await server.control('PUT', '/v1/rate-limits', { limit: 1_000_000, window: 60 });
  const { users } = await server.control('GET', '/v1/credentials');
  const { email: username, password } = users[0];
  const client = new Roboticks({ username, password, baseURL: server.baseURL, environment: {} });
  await client.devices.list('acme', 'warehouse', { limit: 1 });
  await server.control('POST', '/v1/clock/advance', { seconds: 3601 });
  const calls = Array.from({ length: 5_000 }, () => client.devices.list('acme', 'warehouse', { limit: 1 }));
  const pages = await Promise.all(calls);
  assert.ok(pages.every((page) => page.items.length === 1));
  const journal = await server.journal();
  assert.equal(journal.filter((call) => call === 'login 200').length, 2);
  await client.close();
});
