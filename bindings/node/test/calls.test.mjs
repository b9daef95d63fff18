/** Calls: what goes out, what comes back. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { BaseClient, RequestError, Resource } from 'bitting';
import { Roboticks } from 'roboticks';

import { device, json, stub } from './stub.mjs';

const apiKey = 'rbtk_test_calls';

/** ROBOTICKS-1, ROBOTICKS-4: arguments stand in the path and the query, the key in its header. */
test('arguments, body and credential go out', async (t) => {
  const seen = [];
  const baseURL = await stub(t, (request, response) => {
    seen.push({ method: request.method, url: request.url, headers: request.headers, text: request.text });
    json(response, request.method === 'POST' ? device(1) : { items: [], total: 0 }, request.method === 'POST' ? 201 : 200);
  });
  const client = new Roboticks({ apiKey, baseURL, defaultHeaders: { 'X-Team': 'blue' } });
  const { id } = await client.devices.create('acme', 'ware house', { name: 'Größe', serial_number: 'RBT-TEST-1' });
  assert.equal(id, device(1).id);
  await client.devices.list('acme', 'warehouse', { limit: 10, offset: undefined }, { query: { debug: 1 }, headers: { 'x-team': 'red' } });
  const [created, listed] = seen;
  assert.equal(`${created.method} ${created.url}`, 'POST /api/v1/organizations/acme/projects/ware%20house/devices');
  assert.equal(created.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(created.text), { name: 'Größe', serial_number: 'RBT-TEST-1' });
  assert.ok(created.headers.authorization === `Bearer ${apiKey}` || created.headers['x-api-key'] === apiKey);
  assert.match(created.headers['user-agent'], /node\/\d+/);
  assert.equal(created.headers['x-team'], 'blue');
  assert.deepEqual([...new URL(listed.url, baseURL).searchParams].sort(), [['debug', '1'], ['limit', '10']]);
  assert.equal(listed.headers['x-team'], 'red');
  await client.close();
});

test('the response is there for who asks', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, device(7), 200, { 'x-request-id': 'req-7', 'x-two': ['a', 'b'] }));
  const client = new Roboticks({ apiKey, baseURL });
  const { data, response } = await client.devices.get('acme', 'warehouse', device(7).id).withResponse();
  assert.equal(data.name, 'Picker 7');
  assert.equal(response.status, 200);
  assert.equal(response.requestId, 'req-7');
  assert.equal(response.attempts, 1);
  assert.equal(response.waited, 0);
  assert.equal(response.headers.get('x-two'), 'a, b');
  assert.ok(response.headers.get('content-type').startsWith('application/json'));
  const raw = await client.devices.get('acme', 'warehouse', device(7).id).asResponse();
  assert.deepEqual(await raw.json(), device(7));
  assert.equal(await raw.text(), JSON.stringify(device(7)));
  assert.deepEqual(await raw.bytes(), Buffer.from(JSON.stringify(device(7))));
});

test('text beyond ASCII arrives as it was sent', async (t) => {
  const name = 'Größe – 測試 – 🤖';
  const baseURL = await stub(t, (_, response) => json(response, { ...device(1), name }));
  const client = new Roboticks({ apiKey, baseURL });
  assert.equal((await client.devices.get('acme', 'warehouse', device(1).id)).name, name);
});

test('500 calls at once are answered each with its own', async (t) => {
  const baseURL = await stub(t, (request, response) => {
    const number = Number(new URL(request.url, 'http://x').searchParams.get('offset'));
    setTimeout(() => json(response, { items: [device(number)], total: 1 }), number % 7);
  });
  const client = new Roboticks({ apiKey, baseURL });
  const numbers = Array.from({ length: 500 }, (_, index) => index);
  const pages = await Promise.all(numbers.map((offset) => client.devices.list('acme', 'warehouse', { offset })));
  assert.deepEqual(pages.map((page) => page.items[0].name), numbers.map((number) => `Picker ${number}`));
});

test('an operation can be called by its id', async (t) => {
  const baseURL = await stub(t, (request, response) => json(response, { method: request.method, url: request.url, text: request.text }));
  const client = new Roboticks({ apiKey, baseURL });
  const args = { org_slug: 'acme', project_slug: 'warehouse', device_id: device(1).id };
  const answer = await client.call('updateDevice', args, { body: { name: 'x' }, query: { a: 'b' } });
  const path = `/api/v1/organizations/acme/projects/warehouse/devices/${device(1).id}`;
  assert.deepEqual(answer, { method: 'PATCH', url: `${path}?a=b`, text: '{"name":"x"}' });
  await assert.rejects(client.call('nothing'), (error) => error instanceof RequestError && /roboticks has no operation 'nothing'/.test(error.message));
});

test('a call that is stated wrongly is refused before it is sent', async (t) => {
  let requests = 0;
  const baseURL = await stub(t, (_, response) => json(response, (requests += 1)));
  const client = new Roboticks({ apiKey, baseURL });
  const refused = (promise, message) =>
    assert.rejects(promise, (error) => error instanceof RequestError && (assert.match(error.message, message), true));
  await refused(client.devices.list('acme', 'warehouse', { limt: 1 }), /'limt'.*limit, offset/);
  await refused(client.devices.list('acme', 'warehouse', {}, { timout: 1 }), /'timout'.*timeout/);
  await refused(client.devices.list('acme', 'warehouse', {}, { timeout: -1 }), /`timeout` is -1/);
  await refused(client.devices.list('acme', 'warehouse', {}, { signal: 'now' }), /AbortSignal/);
  await refused(client.devices.list('acme'), /project_slug/);
  const loop = {};
  loop.loop = loop;
  await refused(client.devices.create('acme', 'warehouse', loop), /body cannot be written as JSON/);
  assert.equal(requests, 0);
});

/** A tiny API by hand: kinds of answers and bodies that Roboticks has not. */
function tiny(baseURL) {
  const operation = (id, path, accept, body) => ({ id, method: body ? 'POST' : 'GET', path, accept: [accept], body });
  const bytes = 'application/octet-stream';
  const api = {
    name: 'tiny',
    version: '1.0.0',
    servers: [],
    env_prefix: 'TINY',
    schemes: [],
    operations: [
      operation('readText', '/text', 'text/plain'),
      operation('readBytes', '/bytes', bytes),
      operation('echoBytes', '/bytes', bytes, { required: true, media_types: [bytes] }),
      operation('nothing', '/nothing', 'application/json'),
    ],
  };
  const client = new BaseClient(api, { baseURL });
  class Files extends Resource {
    text = () => this._call({ id: 'readText', index: 0, answer: 'text' }, {});
    bytes = () => this._call({ id: 'readBytes', index: 1, answer: 'binary' }, {});
    echo = (body) => this._call({ id: 'echoBytes', index: 2, answer: 'binary', body: 'raw', mediaType: bytes }, {}, body);
    nothing = () => this._call({ id: 'nothing', index: 3, answer: 'empty' }, {});
  }
  return new Files(client);
}

test('text, bytes and nothing are answers too', async (t) => {
  const latin = Buffer.from('Gr\xf6\xdfe', 'latin1');
  const bytes = Buffer.from([0, 255, 128, 10]);
  const baseURL = await stub(t, (request, response) => {
    if (request.url === '/text') response.writeHead(200, { 'content-type': 'text/plain; charset=iso-8859-1' }).end(latin);
    else if (request.method === 'POST') response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(request.text);
    else if (request.url === '/bytes') response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bytes);
    else response.writeHead(204).end();
  });
  const files = tiny(baseURL);
  assert.equal(await files.text(), 'Größe');
  assert.deepEqual(Buffer.from(await files.bytes()), bytes);
  assert.equal(Buffer.from(await files.echo(new TextEncoder().encode('abc'))).toString(), 'abc');
  assert.equal(await files.nothing(), undefined);
  await assert.rejects(files.echo({ a: 1 }), /the body of echoBytes must be text, bytes, a Blob or a stream/);
  assert.equal(Buffer.from(await files.echo(new Blob(['from a blob']))).toString(), 'from a blob');
});

/** B1: a key goes by the name of its scheme. */
test('two keys stand each in its own place', async (t) => {
  const seen = [];
  const baseURL = await stub(t, (request, response) => {
    seen.push(request.headers['x-api-key']);
    json(response, { items: [], total: 0, limit: 20, offset: 0 });
  });
  const client = new Roboticks({ baseURL, apiKeys: { ApiKeyHeader: 'rbtk_test_header' } });
  await client.devices.list('acme', 'warehouse');
  assert.deepEqual(seen, ['rbtk_test_header']);
});
