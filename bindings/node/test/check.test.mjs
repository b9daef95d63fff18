/** The conformance suite from node:test: against an app of node:http, and its words when no run can be made. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { CheckError, check } from 'bitting/testing';

import { command } from './reference.mjs';

const key = 'rbtk_test_key_of_the_things';
const credentials = { valid: { secrets: { Key: key } } };
const things = `
openapi: 3.1.0
info: {title: Things, version: '1'}
security: [{Key: []}]
paths:
  /things:
    get:
      operationId: listThings
      responses:
        '200':
          description: Things.
          content: {application/json: {schema: {type: array, items: {type: integer}}}}
        '401': {description: No key.}
components: {securitySchemes: {Key: {type: apiKey, in: header, name: X-Key}}}
`;

/** A list of things, for whoever has the key, or for everybody. */
async function app(guarded, use) {
  const server = createServer((request, response) => {
    if (new URL(request.url, 'http://app').pathname !== '/things') response.writeHead(404).end();
    else if (!['GET', 'HEAD'].includes(request.method)) response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else if (guarded && request.headers['x-key'] !== key) response.writeHead(401, { 'www-authenticate': 'Key' }).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end('[1, 2]');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'bitting-check-'));
  const document = join(folder, 'things.yaml');
  await writeFile(document, things);
  try {
    return await use({ document, url: `http://127.0.0.1:${server.address().port}`, command, credentials });
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  }
}

test('an app in order passes, one test for each check and operation', async (t) => {
  await app(true, async (about) => {
    const result = await check({ ...about, only: ['credentials', 'response', 'tenancy'] });
    result.confirm();
    assert.equal(result.exitCode, 0);
    assert.ok(result.requests > 5);
    await result.asTests(t);
  });
});

test('an app needs no port: a listener, or a server that does not listen yet', async () => {
  await app(true, async ({ url: _, ...about }) => {
    const listener = (request, response) => response.writeHead(request.headers['x-key'] === key ? 200 : 401, { 'content-type': 'application/json', 'www-authenticate': 'Key' }).end('[1]');
    const server = createServer(listener);
    for (const app of [listener, server]) {
      const result = await check({ ...about, app, only: ['credentials.missing'] });
      result.confirm();
      assert.ok(result.requests > 1);
    }
    assert.equal(server.listening, false, 'it is left as it was');
    await assert.rejects(check({ ...about, app: server, url: 'http://127.0.0.1:9' }), CheckError);
  });
});

test('an app that lets everybody in is told as an assertion', async () => {
  await app(false, async (about) => {
    const result = await check({ ...about, only: ['credentials'] });
    assert.equal(result.findings[0].check, 'credentials.missing');
    assert.throws(() => result.confirm(), /credentials\.missing[^]*a request without a credential got in[^]*curl -i/);
    assert.ok(!JSON.stringify(result).includes(key));
    const failed = [];
    await result.asTests({
      async test(name, { skip }, body) {
        try {
          if (!skip) body();
        } catch (error) {
          failed.push(`${name}: ${error.message}`);
        }
      },
    });
    assert.match(failed[0], /^credentials\.missing GET \/things: error credentials\.missing[^]*expected[^]*replay/);
  });
});

test('settings go along', async () => {
  await app(false, async (about) => {
    const settings = { rules: { 'credentials.missing': 'note' } };
    const result = await check({ ...about, settings, only: ['credentials.missing'] });
    assert.deepEqual(result.findings.map(({ severity }) => severity), ['note']);
    result.confirm();
    const file = join(about.document, '..', 'bitting.json');
    await writeFile(file, JSON.stringify({ ...settings, credentials, 'fail-on': 'note' }));
    const strict = await check({ ...about, credentials: undefined, settings: file, only: ['credentials.missing'] });
    assert.equal(strict.exitCode, 1);
  });
});

test('a run that cannot be made says why', async () => {
  await app(true, async (about) => {
    const fails = (more, says) => assert.rejects(check({ ...about, ...more }), (error) => error instanceof CheckError && says.test(error.message));
    await fails({ url: 'http://127.0.0.1:9' }, /does not answer/);
    await fails({ settings: { budgte: {} } }, /standard input, line 1.*`budgte`/);
    await fails({ url: 'http://things.example' }, /it is not on this machine/);
    await fails({ settings: 'bitting.toml' }, /given twice/);
    await fails({ command: 'no-such-bitting' }, /install bitting/);
    await fails({ credentials: { valid: { secrets: { Key: 'rbtk_test_of_nobody' } } } }, /GET \/things answered 401/);
  });
});
