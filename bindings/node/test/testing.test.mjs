/** The reference server in tests: one world per test, and a clear end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { startReferenceServer } from 'bitting/testing';
import { Roboticks } from 'roboticks';

import { command } from './reference.mjs';

const document = join(import.meta.dirname, '..', '..', '..', 'spec', 'openapi', 'roboticks.yaml');
const ada = 'ada@acme.example';

test('what a test changes is put back', async () => {
  const server = await startReferenceServer({ document, command, seed: 7 });
  try {
    const total = async () => (await new Roboticks({ apiKey: await server.mintKey(ada), baseURL: server.baseURL }).devices.list('acme', 'warehouse')).total;
    const world = await server.world();
    const client = new Roboticks({ apiKey: await server.mintKey(ada), baseURL: server.baseURL });
    await client.devices.create('acme', 'warehouse', { name: 'Picker', serial_number: 'RBT-0001' });
    assert.equal(await total(), 46);
    await server.defects('M01');
    await server.control('PUT', '/v1/steps', { skipped: ['credential'] });
    await server.fault({ kind: 'status', status: 503 });
    await world[Symbol.asyncDispose]();
    assert.equal(await total(), 45);
    assert.equal((await fetch(`${server.baseURL}/api/v1/organizations/acme/devices`)).status, 401);
    assert.equal((await server.journal()).at(-1).reason, 'missing');
  } finally {
    await server[Symbol.asyncDispose]();
  }
  await assert.rejects(fetch(server.baseURL), 'it has ended');
});

test('servers at the same time never meet', async () => {
  const counts = await Promise.all([0, 1, 2, 3].map(async (number) => {
    const server = await startReferenceServer({ document, command, seed: number });
    try {
      const client = new Roboticks({ apiKey: await server.mintKey(ada), baseURL: server.baseURL });
      for (let serial = 0; serial < number; serial += 1) await client.devices.create('acme', 'warehouse', { name: 'Picker', serial_number: `RBT-000${serial}` });
      return [server.baseURL, (await client.devices.list('acme', 'warehouse')).total];
    } finally {
      await server.close();
    }
  }));
  assert.equal(new Set(counts.map(([url]) => url)).size, 4);
  assert.deepEqual(counts.map(([, count]) => count), [45, 46, 47, 48]);
});

/** What `node --test` does with several files: each is a process of its own, and they run at the same time. */
test('test files that run at the same time have servers of their own', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bitting-'));
  t.after(() => rm(folder, { recursive: true }));
  const testing = new URL('../testing.mjs', import.meta.url).href;
  const file = `
    import assert from 'node:assert/strict';
    import { writeFile } from 'node:fs/promises';
    import test from 'node:test';
    import { startReferenceServer } from ${JSON.stringify(testing)};
    test('alone', async () => {
      const server = await startReferenceServer({ document: ${JSON.stringify(document)}, command: ${JSON.stringify(command)} });
      await server.control('POST', '/v1/organizations', { slug: 'initech' });
      const { organizations } = await server.control('GET', '/v1/world');
      assert.deepEqual(organizations.map((one) => one.slug), ['acme', 'globex', 'initech']);
      await writeFile(import.meta.filename + '.seen', server.baseURL);
      await server.close();
    });`;
  const names = ['a', 'b', 'c'].map((name) => join(folder, `${name}.test.mjs`));
  await Promise.all(names.map((name) => writeFile(name, file)));
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT;
  const run = spawnSync(process.execPath, ['--test', '--test-concurrency=3', ...names], { env, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  const seen = await Promise.all(names.map((name) => readFile(`${name}.seen`, 'utf8')));
  assert.equal(new Set(seen).size, 3, String(seen));
});

test('a command that is not there is told', async () => {
  await assert.rejects(startReferenceServer({ document, command: 'no-such-bitting' }), /install bitting/);
});
