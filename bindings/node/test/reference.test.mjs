/** The generated clients against the reference server: what a user does, from the login to the limit. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { Arrotech } from 'arrotech';
import { Arrow } from 'arrow';
import { Artos } from 'artos';
import { AuthenticationError, NotFoundError, RateLimitError, UnprocessableEntityError } from 'bitting';
import { Roboticks } from 'roboticks';

import { serve } from './reference.mjs';

async function names(client, params) {
  const found = [];
  for await (const device of client.devices.list('acme', 'warehouse', params)) found.push(device.name);
  return found;
}

/** ROBOTICKS-2, ROBOTICKS-3, ROBOTICKS-4: a login, a page boundary, an hour's end; the caller sees none of them. */
test('a user logs in, lists, outlives the token', async (t) => {
  const server = await serve(t, 'roboticks');
  const { users } = await server.control('GET', '/v1/credentials');
  const { email, password } = users.find(({ organization }) => organization === 'acme');
  const client = new Roboticks({ username: email, password, baseURL: server.baseURL, environment: {} });
  const all = await names(client, { limit: 20 });
  assert.equal(all.length, 45);
  await server.control('POST', '/v1/clock/advance', { seconds: 3700 });
  assert.deepEqual(await names(client, { limit: 20 }), all);
  const calls = await server.journal();
  assert.equal(calls.filter((call) => call === 'listDevices 200').length, 6);
  assert.ok(calls.filter((call) => call === 'login 200').length >= 2, calls.join('\n'));
  await client.close();
});

/** ROBOTICKS-1, ROBOTICKS-9: the life of a device, by key. */
test('a key creates, reads, changes and deletes', async (t) => {
  const server = await serve(t, 'roboticks');
  const { keys } = await server.control('GET', '/v1/credentials');
  const client = new Roboticks({ apiKey: keys[0].secret, baseURL: server.baseURL, environment: {} });
  const made = await client.devices.create('acme', 'warehouse', { name: 'Picker 99', serial_number: 'RBT-TEST-0099', tags: ['größe'] });
  assert.equal((await client.devices.get('acme', 'warehouse', made.id)).name, 'Picker 99');
  const changed = await client.devices.update('acme', 'warehouse', made.id, { status: 'maintenance' });
  assert.deepEqual([changed.status, changed.name, changed.tags], ['maintenance', 'Picker 99', ['größe']]);
  assert.equal(await client.devices.delete('acme', 'warehouse', made.id), undefined);
  await assert.rejects(client.devices.get('acme', 'warehouse', made.id), (error) => error instanceof NotFoundError);
  await assert.rejects(client.devices.create('acme', 'warehouse', { name: 7 }), (error) => error instanceof UnprocessableEntityError);
});

/** ROBOTICKS-5: a limit is waited out, or told if the caller will not wait. */
test('a limit is waited out', async (t) => {
  const server = await serve(t, 'roboticks');
  const { keys } = await server.control('GET', '/v1/credentials');
  const client = new Roboticks({ apiKey: keys[0].secret, baseURL: server.baseURL, environment: {} });
  // Seconds are whole: a window of one may end between two requests.
  await server.control('PUT', '/v1/rate-limits', { limit: 2, window: 2 });
  await client.devices.list('acme', 'warehouse');
  await server.control('POST', '/v1/rate-limits/exhaust');
  const impatient = new Roboticks({ apiKey: keys[0].secret, baseURL: server.baseURL, environment: {}, maxRetries: 0 });
  await assert.rejects(impatient.devices.list('acme', 'warehouse'), (error) => {
    assert.ok(error instanceof RateLimitError, String(error));
    assert.match(error.body.detail, /^Rate limit exceeded\. Try again in \d+ seconds\.$/);
    assert.ok(error.retryAfter > 0 && error.resetAt instanceof Date);
    assert.deepEqual([error.limit, error.remaining], [2, 0]);
    return true;
  });
  const { data, response } = await client.devices.list('acme', 'warehouse').withResponse();
  assert.equal(data.total, 45);
  assert.ok(response.attempts > 1 || response.waited > 0, `${response.attempts} attempts, ${response.waited} ms`);
});

/** ARROW-8: a revoked key is refused at the next request. */
test('a revoked key', async (t) => {
  const server = await serve(t, 'arrow');
  const { keys } = await server.control('GET', '/v1/credentials');
  const client = new Arrow({ apiKey: keys[0].secret, baseURL: server.baseURL, environment: {} });
  const page = await client.devices.list({ page_size: undefined, pageSize: 5 }).catch((error) => error);
  assert.match(String(page), /'page_size' is none of the parameters of listDevices: page, pageSize/);
  let count = 0;
  for await (const _ of client.devices.list({ pageSize: 5 })) count += 1;
  assert.equal(count, (await client.devices.list()).total);
  await server.control('POST', `/v1/keys/${keys[0].id}/revoke`);
  await assert.rejects(client.devices.list(), (error) => error instanceof AuthenticationError);
});

/** ARTOS-2: the public operation needs no credential. ARROTECH-2: a form is sent as one. */
test('a public operation, and a token by client credentials', async (t) => {
  const artos = await serve(t, 'artos');
  const anonymous = new Artos({ baseURL: artos.baseURL, environment: {} });
  assert.equal(typeof (await anonymous.search.getSearchStatus()), 'object');

  const arrotech = await serve(t, 'arrotech');
  const { clients } = await arrotech.control('GET', '/v1/credentials');
  const { client_id: clientId, client_secret: clientSecret } = clients[0];
  const options = { baseURL: arrotech.baseURL, environment: {} };
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope: 'data:read' };
  const { access_token: token } = await new Arrotech(options).auth.createToken(form);
  assert.equal(typeof token, 'string');
  const providers = await new Arrotech({ ...options, clientId, clientSecret, scopes: ['data:read'] }).providers.list();
  assert.deepEqual(await new Arrotech({ ...options, token }).providers.list(), providers);
});
