/** AbortSignal: the promise rejects at once, and the request is closed, not only forgotten. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { AbortError } from 'bitting';
import { Roboticks } from 'roboticks';

import { json, stub } from './stub.mjs';

const apiKey = 'rbtk_test_abort';
const empty = { items: [], total: 0 };

test('an abort closes the request and rejects with AbortError', { timeout: 10_000 }, async (t) => {
  let onClosed;
  const closed = new Promise((resolve) => (onClosed = resolve));
  const controller = new AbortController();
  const baseURL = await stub(t, (request, response) => {
    if (request.url.includes('offset')) return json(response, empty);
    response.on('close', () => onClosed(response.writableFinished));
    controller.abort(new Error('enough'));
  });
  const client = new Roboticks({ apiKey, baseURL });
  await assert.rejects(client.devices.list('acme', 'warehouse', {}, { signal: controller.signal }), (error) => {
    assert.ok(error instanceof AbortError);
    assert.equal(error.name, 'AbortError');
    assert.equal(error.code, 'ABORT_ERR');
    assert.equal(error.cause.message, 'enough');
    return true;
  });
  assert.equal(await closed, false, 'the connection was closed before an answer');
  assert.deepEqual(await client.devices.list('acme', 'warehouse', { offset: 1 }), empty, 'the client works on');
});

test('a signal that has fired already sends nothing', async (t) => {
  let requests = 0;
  const baseURL = await stub(t, (_, response) => json(response, (requests += 1)));
  const client = new Roboticks({ apiKey, baseURL });
  await assert.rejects(client.devices.list('acme', 'warehouse', {}, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(requests, 0);
});

test('AbortSignal.timeout is a signal like others', async (t) => {
  const baseURL = await stub(t, () => {});
  const client = new Roboticks({ apiKey, baseURL });
  await assert.rejects(client.devices.list('acme', 'warehouse', {}, { signal: AbortSignal.timeout(30) }), (error) => {
    assert.equal(error.name, 'AbortError');
    assert.equal(error.cause.name, 'TimeoutError');
    return true;
  });
});

test('one signal serves many calls, and is let go with them', async (t) => {
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const baseURL = await stub(t, (request, response) => {
    if (!request.url.includes('limit=1')) json(response, empty);
  });
  const client = new Roboticks({ apiKey, baseURL });
  const owner = new AbortController();
  const list = (limit) => client.devices.list('acme', 'warehouse', { limit }, { signal: owner.signal });
  await Promise.all(Array.from({ length: 40 }, () => list(2)));
  const hanging = Array.from({ length: 40 }, () => list(1));
  const results = Promise.allSettled(hanging);
  setTimeout(() => owner.abort(), 20);
  assert.ok((await results).every(({ reason }) => reason instanceof AbortError));
  await new Promise(setImmediate);
  assert.deepEqual(warnings, []);
});

test('the pages after an abort are not asked for', async (t) => {
  let requests = 0;
  const baseURL = await stub(t, (_, response) => {
    requests += 1;
    json(response, { items: [{ id: requests }], total: 100 });
  });
  const client = new Roboticks({ apiKey, baseURL });
  const controller = new AbortController();
  const walk = async () => {
    for await (const item of client.devices.list('acme', 'warehouse', { limit: 1 }, { signal: controller.signal })) {
      if (item.id === 3) controller.abort();
    }
  };
  await assert.rejects(walk(), { name: 'AbortError' });
  assert.equal(requests, 3);
});
