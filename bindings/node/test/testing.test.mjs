/** The reference server in tests: one world per test, and a clear end. */
import assert from 'node:assert/strict';
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

test('a command that is not there is told', async () => {
  await assert.rejects(startReferenceServer({ document, command: 'no-such-bitting' }), /install bitting/);
});
