/**
 * Prism as a server that is known to be bad: it looks whether a credential is there and not what it is, and keeps no
 * state (issue 5; M02, M34, M83). Run: `cargo xtask test suite`.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { bitting } from './bitting.mjs';

const here = import.meta.dirname;
const document = join(here, '..', '..', '..', 'spec', 'openapi', 'roboticks.yaml');

/** A port that was free a moment ago. */
const free = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const answers = (port) => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
  socket.once('error', () => resolve(false));
});

async function prism(t) {
  const port = await free();
  const program = join(here, 'node_modules', '@stoplight', 'prism-cli', 'dist', 'index.js');
  const child = spawn(process.execPath, [program, 'mock', '-h', '127.0.0.1', '-p', String(port), document], { stdio: 'ignore' });
  t.after(() => child.kill());
  for (let round = 0; round < 300; round += 1) {
    if (await answers(port)) return `http://127.0.0.1:${port}`;
    await wait(200);
  }
  throw new Error('Prism does not take connections');
}

test('what is known of Prism is found', { timeout: 180_000 }, async (t) => {
  const url = await prism(t);
  const done = await bitting(
    'check', document, '--url', url, '--credentials', join(here, 'principals.toml'), '--max-cases', '10', '--report', 'json=-');
  assert.equal(done.code, 1, done.err);
  const { findings } = JSON.parse(done.out);
  const found = new Set(findings.map((finding) => finding.check));
  const known = [
    'credentials.malformed', 'credentials.scheme-case', 'key.prefix', 'tenancy.foreign-organization', 'login.wrong-password',
    'state.created-is-listed', 'state.deleted-is-gone', 'state.unknown-is-absent', 'state.sequence',
  ];
  assert.deepEqual(known.filter((check) => !found.has(check)), [], done.err);
  // One cause is one finding, however many operations have it.
  const keys = findings.filter((finding) => finding.check === 'key.prefix');
  assert.ok(keys.length === 1 && keys[0].also_on.length >= 3, JSON.stringify(keys));
  assert.ok(findings.length < 60, String(findings.length));
});
