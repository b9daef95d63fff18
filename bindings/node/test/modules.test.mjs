/** The packages as they are loaded: ESM and CommonJS, manifest, native module. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';

import * as bitting from 'bitting';
import * as roboticks from 'roboticks';

import { run } from './child.mjs';

const require = createRequire(import.meta.url);

test('ESM and CommonJS share one instance', () => {
  for (const [name, module] of Object.entries({ bitting, roboticks })) {
    const { default: _, ...named } = module;
    assert.deepEqual(Object.keys(named).sort(), Object.keys(require(name)).sort());
    for (const [key, value] of Object.entries(named)) assert.equal(value, require(name)[key], key);
    assert.equal(require(`${name}/package.json`).name, name);
  }
});

test('every generated package loads in both', async () => {
  const apis = readdirSync(join(import.meta.dirname, '..', 'apis'));
  assert.ok(apis.length >= 4);
  for (const name of apis) {
    const { default: _, ...named } = await import(name);
    assert.deepEqual({ ...named }, require(name));
    const Client = Object.values(named).find((value) => value.prototype instanceof bitting.BaseClient);
    const client = new Client({ environment: {}, baseURL: 'http://127.0.0.1:1' });
    assert.deepEqual(client.auth.explain().map(({ id }) => id ?? null).filter(Boolean), []);
    await client.close();
  }
});

test('a native module that is not there is explained', async () => {
  const { code, stderr } = await run(`require('bitting')`, { inputType: 'commonjs', env: { BITTING_NATIVE_PATH: '/nowhere/native.node' } });
  assert.equal(code, 1);
  assert.match(stderr, /bitting cannot load its native module \/nowhere\/native\.node \(Node v.*BITTING_NATIVE_PATH names it; unset it or correct it\./);
});

test('an import starts no thread; the first call does, and close ends it', async () => {
  if (process.platform !== 'linux') return;
  const program = `
    import { readFileSync, readdirSync } from 'node:fs';
    const isOurs = (id) => {
      try {
        return readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim() === 'bitting';
      } catch {
        return false; // it ended between the two looks
      }
    };
    const threads = () => readdirSync('/proc/self/task').filter(isOurs).length;
    const { Roboticks } = await import('roboticks');
    const client = new Roboticks({ apiKey: 'rbtk_test_x', baseURL: 'http://127.0.0.1:1', maxRetries: 0 });
    const before = threads();
    await client.devices.list('acme', 'warehouse').catch(() => {});
    const during = threads();
    await client.close();
    while (threads() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(before, during);`;
  const { stdout, stderr } = await run(program);
  assert.deepEqual([stdout, stderr], ['0 1\n', '']);
});
