/** When a process may end, and what workers and closed clients do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import test from 'node:test';
import { Worker } from 'node:worker_threads';

import { RequestError } from 'bitting';
import { Roboticks } from 'roboticks';

import { run } from './child.mjs';
import { json, stub } from './stub.mjs';

const apiKey = 'rbtk_test_lifecycle';
const empty = { items: [], total: 0 };
const make = (baseURL) =>
  `import { Roboticks } from 'roboticks'; const client = new Roboticks({ apiKey: '${apiKey}', baseURL: '${baseURL}', timeout: 10_000 });`;

test('a process waits for its calls, and ends by itself after them', async (t) => {
  const baseURL = await stub(t, (_, response) => setTimeout(() => json(response, empty), 300));
  const program = `${make(baseURL)} client.devices.list('acme', 'warehouse').then((page) => console.log(page.total));`;
  const { code, signal, stdout, stderr } = await run(program);
  assert.deepEqual([code, signal, stdout, stderr], [0, null, '0\n', '']);
});

test('a client without calls keeps no process alive', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, empty));
  const { code, signal } = await run(`${make(baseURL)} await client.devices.list('acme', 'warehouse'); globalThis.client = client;`);
  assert.deepEqual([code, signal], [0, null]);
});

test('an aborted call keeps no process alive', async (t) => {
  const baseURL = await stub(t, () => {});
  const program = `${make(baseURL)}
    await client.devices.list('acme', 'warehouse', {}, { signal: AbortSignal.timeout(50) }).catch((error) => console.log(error.name));`;
  const { code, signal, stdout } = await run(program);
  assert.deepEqual([code, signal, stdout], [0, null, 'AbortError\n']);
});

test('process.exit in the middle of calls does no harm', async (t) => {
  const baseURL = await stub(t, () => {});
  const program = `${make(baseURL)}
    for (let i = 0; i < 20; i += 1) void client.devices.list('acme', 'warehouse');
    setTimeout(() => process.exit(7), 100);`;
  const { code, signal, stderr } = await run(program);
  assert.deepEqual([code, signal, stderr], [7, null, '']);
});

/** A worker's program: makes `count` calls and tells their sum. */
const worker = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Roboticks } = require(workerData.roboticks);
  const client = new Roboticks({ apiKey: '${apiKey}', baseURL: workerData.baseURL });
  const offsets = Array.from({ length: workerData.count }, (_, index) => index);
  Promise.all(offsets.map((offset) => client.devices.list('acme', 'warehouse', { offset })))
    .then((pages) => parentPort.postMessage(pages.reduce((sum, page) => sum + page.total, 0)));
`;
// A program without a file looks for packages where the process was started, which may be anywhere.
const path = createRequire(import.meta.url).resolve('roboticks');
const start = (workerData) => new Worker(worker, { eval: true, workerData: { ...workerData, roboticks: path } });

test('each worker has calls of its own, beside the main thread', async (t) => {
  const baseURL = await stub(t, (request, response) => {
    json(response, { items: [], total: Number(new URL(request.url, 'http://x').searchParams.get('offset')) });
  });
  const workers = Array.from({ length: 3 }, () => start({ baseURL, count: 50 }));
  const messages = Promise.all(workers.map((each) => once(each, 'message')));
  const exits = Promise.all(workers.map((each) => once(each, 'exit')));
  const client = new Roboticks({ apiKey, baseURL });
  const own = Promise.all(Array.from({ length: 50 }, (_, offset) => client.devices.list('acme', 'warehouse', { offset })));
  assert.deepEqual((await messages).flat(), [1225, 1225, 1225]);
  assert.equal((await own).reduce((sum, page) => sum + page.total, 0), 1225);
  assert.deepEqual((await exits).flat(), [0, 0, 0]);
});

/** ROBOTICKS-1: `ROBOTICKS_API_KEY`, as the program has it at that moment. */
test('variables are read from the thread that makes the client', async (t) => {
  const seen = [];
  const baseURL = await stub(t, (request, response) => {
    seen.push(request.headers.authorization ?? request.headers['x-api-key']);
    json(response, empty);
  });
  const program = `
    const { Worker } = require('node:worker_threads');
    const { Roboticks } = require('roboticks');
    const list = () => new Roboticks({ baseURL: '${baseURL}' }).devices.list('acme', 'warehouse');
    process.env.ROBOTICKS_API_KEY = 'rbtk_test_main';
    const source = "const { Roboticks } = require('roboticks'); (" + list + ")();";
    list().then(() => new Worker(source, { eval: true, env: { ROBOTICKS_API_KEY: 'rbtk_test_worker' } }));`;
  const { code, stderr } = await run(program, { inputType: 'commonjs' });
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual(seen.map((sent) => sent.replace('Bearer ', '')), ['rbtk_test_main', 'rbtk_test_worker']);
});

test('a worker that is terminated leaves no request open', async (t) => {
  let open = 0;
  let onAllOpen;
  let onAllClosed;
  const allOpen = new Promise((resolve) => (onAllOpen = resolve));
  const allClosed = new Promise((resolve) => (onAllClosed = resolve));
  const baseURL = await stub(t, (_, response) => {
    open += 1;
    if (open === 5) onAllOpen();
    response.on('close', () => {
      open -= 1;
      if (open === 0) onAllClosed();
    });
  });
  const each = start({ baseURL, count: 5 });
  await allOpen;
  await each.terminate();
  await allClosed;
});

test('a closed client lets its calls end and takes no more', async (t) => {
  const baseURL = await stub(t, (_, response) => setTimeout(() => json(response, empty), 50));
  const client = new Roboticks({ apiKey, baseURL });
  const sibling = client.withOptions({ maxRetries: 0 });
  let ended = false;
  const call = client.devices.list('acme', 'warehouse').then(() => (ended = true));
  await client[Symbol.asyncDispose]();
  await call;
  assert.ok(ended);
  for (const closed of [client, sibling]) {
    await assert.rejects(closed.devices.list('acme', 'warehouse'), (error) => error instanceof RequestError && /closed/.test(error.message));
  }
  await client.close();
});

test('withOptions changes what it names and keeps the rest', async (t) => {
  const seen = [];
  const baseURL = await stub(t, (request, response) => {
    seen.push(request.headers);
    json(response, empty);
  });
  const client = new Roboticks({ apiKey, baseURL, defaultHeaders: { 'x-a': '1', 'x-b': '1' } });
  const other = client.withOptions({ defaultHeaders: { 'X-B': '2' } }).withOptions({ timeout: 5000 });
  assert.ok(other instanceof Roboticks);
  await other.devices.list('acme', 'warehouse');
  await client.devices.list('acme', 'warehouse');
  await client.withOptions({ token: 'rbtk_test_token' }).devices.list('acme', 'warehouse');
  assert.deepEqual(seen.map((headers) => `${headers['x-a']}${headers['x-b']}`), ['12', '11', '11']);
  await other.devices.list('acme', 'warehouse', {}, { headers: new Headers({ 'X-A': '3' }) });
  assert.deepEqual([seen[3]['x-a'], seen[3]['x-b']], ['3', '2']);
  assert.equal(seen[2].authorization, 'Bearer rbtk_test_token');
  assert.throws(() => client.withOptions({ apikey: 'x' }), { name: 'ConfigError' });
});
