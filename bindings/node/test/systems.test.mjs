/**
 * The four systems, statement by statement, where one is no vector: the clients against the reference servers. The ids
 * are those of the design; what is behaviour of a single client stands in `spec/vectors`.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { promisify } from 'node:util';

import { Arrotech } from 'arrotech';
import { Arrow } from 'arrow';
import { Artos } from 'artos';
import { APIStatusError, AuthenticationError, ConfigError, CredentialsError, NotFoundError, PermissionDeniedError } from 'bitting';
import { Roboticks } from 'roboticks';

import { run } from './child.mjs';
import { command, serve } from './reference.mjs';

const root = join(import.meta.dirname, '..', '..', '..');
const document = (name) => join(root, 'spec', 'openapi', `${name}.yaml`);
const DAY = 86_400;

/** A server, its users by first name, and what mints credentials for them. */
async function system(t, name) {
  const server = await serve(t, name);
  const { users, clients } = await server.control('GET', '/v1/credentials');
  const user = (first) => users.find(({ email }) => email.startsWith(first));
  return {
    server,
    user,
    clients,
    options: (credentials) => ({ baseURL: server.baseURL, environment: {}, ...credentials }),
    key: (first, wanted) => server.control('POST', '/v1/keys', { user: user(first).email, ...wanted }),
    token: (first, wanted) => server.control('POST', '/v1/tokens', { user: user(first).email, ...wanted }),
  };
}

const is = (...kinds) => (error) => kinds.some((kind) => error instanceof kind) || assert.fail(error.stack);
const ids = async (list) => {
  const found = new Set();
  for await (const { id } of list) found.add(id);
  return found;
};
const areApart = (one, other) => one.size > 0 && other.size > 0 && [...one].every((id) => !other.has(id));

/** A folder for kept logins that ends with the test. */
function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'bitting-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** ARROTECH-1, ARROTECH-2, ARROTECH-4, ARROTECH-6: a key, an app, a login; each sees its own customer alone. */
test('customers are apart', async (t) => {
  const { options, clients, user, key, token } = await system(t, 'arrotech');
  const seen = [];
  for (const [first, app] of [['ada', 'client-acme'], ['eve', 'client-globex']]) {
    const { client_secret: clientSecret } = clients.find((one) => one.client_id === app);
    const { email: username, password } = user(first);
    const ways = [
      { apiKey: (await key(first)).secret },
      { clientId: app, clientSecret, scopes: ['data:read', 'workflow:execute'] },
      { username, password },
      { token: (await token(first)).token },
    ];
    const found = await Promise.all(ways.map((way) => ids(new Arrotech(options(way)).providers.list())));
    for (const each of found) assert.deepEqual(each, found[0]);
    seen.push(found[0]);
  }
  assert.ok(areApart(...seen));
});

/** ARROTECH-5: 401, with the environments that there are. */
test('a sandbox key is refused and the reason is told', async (t) => {
  const { options, key } = await system(t, 'arrotech');
  const { secret: apiKey } = await key('ada', { environment: 'sandbox' });
  await assert.rejects(new Arrotech(options({ apiKey })).providers.list(), (error) => error instanceof AuthenticationError && /sandbox/.test(error.message));
});

/** ARROTECH-3, D1: `bitting login` by authorization code with PKCE and state; then a client without a credential. */
test('a browser login is kept for every language', async (t) => {
  const { server, user, clients } = await system(t, 'arrotech');
  const { client_id: id, client_secret: secret } = clients.find((one) => one.client_id === 'client-acme');
  const environment = { BITTING_CONFIG_DIR: folder(t) };
  const line = ['login', document('arrotech'), '--url', server.baseURL, '--with', 'browser', '--client-id', id];
  line.push('--authorization-url', `${server.baseURL}/auth/authorize`, '--scope', 'data:read');
  const login = spawn(command, line, { env: { ...environment, ARROTECH_CLIENT_SECRET: secret, PATH: '' }, stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => login.kill());
  const ended = new Promise((resolve) => login.once('exit', resolve));
  let page;
  for await (const text of createInterface(login.stderr)) if ((page = text.trim()).startsWith('http')) break;
  assert.match(page, /code_challenge_method=S256/);
  const html = (await (await fetch(page)).text()).replaceAll('&amp;', '&');
  const body = new URLSearchParams({ request: /name="request" value="([^"]*)"/.exec(html)[1], email: user('ada').email, password: user('ada').password, decision: 'allow' });
  await fetch(new URL(/action="([^"]+)"/.exec(html)[1], page), { method: 'POST', body });
  assert.equal(await ended, 0);
  const client = new Arrotech({ baseURL: server.baseURL, environment });
  assert.ok((await client.providers.list()).items.length > 0);
  const [report] = client.auth.explain();
  assert.deepEqual([report.scheme, report.source, report.scopes], ['OAuth2', 'the profile `default`', ['data:read']]);
});

/** ARROW-3, ARROW-4: with its scope alone each operation is open, and without it each is shut. */
test('Arrow has nineteen operations and nine scopes', async (t) => {
  const { options, key } = await system(t, 'arrow');
  const { operations } = JSON.parse(readFileSync(join(root, 'sdk-rust/apis/arrow/api.json'), 'utf8'));
  const scope = ({ security }) => security[0].ArrowKey[0];
  const every = [...new Set(operations.map(scope))];
  assert.deepEqual([operations.length, every.length], [19, 9]);
  for (const operation of operations) {
    const args = operation.path.includes('{id}') ? { id: 'no-such-id' } : {};
    const body = operation.body && {};
    const client = async (scopes) => new Arrow(options({ apiKey: (await key('ada', { scopes })).secret }));
    const shut = await client(every.filter((one) => one !== scope(operation)));
    await assert.rejects(shut.call(operation.id, args, { body }), is(PermissionDeniedError), operation.id);
    const opened = await client([scope(operation)]);
    const ended = await opened.call(operation.id, args, { body }).then(() => 200, (error) => error.status);
    assert.ok([200, 404, 422].includes(ended), `${operation.id}: ${ended}`);
  }
});

/** ARROW-1, ARROW-2, ARROW-5: one organization, pages, a filter, changes, and a return that only a machine has. */
test('devices and requests of Arrow', async (t) => {
  const { options, key } = await system(t, 'arrow');
  const [ada, eve] = await Promise.all(['ada', 'eve'].map(async (first) => new Arrow(options({ apiKey: (await key(first)).secret }))));
  const own = await ids(ada.devices.list({ pageSize: 2 }));
  assert.ok(areApart(own, await ids(eve.devices.list())));
  const [id] = own;
  await assert.rejects(eve.devices.get(id), is(NotFoundError, PermissionDeniedError));
  const changed = await ada.devices.update(id, { tags: ['rack-7'], notes: 'moved' });
  assert.deepEqual([changed.tags, changed.notes], [['rack-7'], 'moved']);
  const requests = [];
  for await (const one of ada.deviceRequests.list()) requests.push(one);
  for (const kind of new Set(requests.map((one) => one.device_type))) {
    for await (const one of ada.deviceRequests.list({ deviceType: kind })) assert.equal(one.device_type, kind);
    const returned = ada.deviceRequests.markVmReturned(requests.find((one) => one.device_type === kind).id);
    if (/vm/i.test(kind)) await returned;
    else await assert.rejects(returned, is(APIStatusError));
  }
});

/** ARROW-8, ARROW-9: revoked at once for every promise; rotated without a call that fails. */
test('a key ends, and another takes its place', async (t) => {
  const { server, options, key } = await system(t, 'arrow');
  const revoked = await key('ada');
  const client = new Arrow(options({ apiKey: revoked.secret }));
  await client.devices.list();
  await server.control('POST', `/v1/keys/${revoked.id}/revoke`);
  const ended = await Promise.allSettled(Array.from({ length: 10 }, () => client.devices.list()));
  for (const { reason } of ended) assert.ok(reason instanceof AuthenticationError);

  const old = await key('ada', { ttl: 10 * DAY, scopes: ['devices:read'] });
  const before = new Arrow(options({ apiKey: old.secret }));
  const next = await server.control('POST', `/v1/keys/${old.id}/rotate`, { ttl: 90 * DAY });
  const after = before.withOptions({ apiKey: next.secret });
  assert.equal((await before.devices.list()).total, (await after.devices.list()).total);
  await server.control('POST', `/v1/keys/${old.id}/expire`);
  await after.devices.list();
  await assert.rejects(before.devices.list(), is(AuthenticationError));
});

/** ROBOTICKS-1, ROBOTICKS-4, ROBOTICKS-6, ROBOTICKS-7: either header, the maker's organization, the maker's rights. */
test('a key reaches as far as its maker', async (t) => {
  const { options, key } = await system(t, 'roboticks');
  for (const [first, organization, project, other] of [['ada', 'acme', 'warehouse', 'globex'], ['eve', 'globex', 'lab', 'acme']]) {
    const { secret } = await key(first);
    for (const way of [{ apiKey: secret }, { defaultHeaders: { 'X-API-Key': secret } }]) {
      const client = new Roboticks(options(way));
      assert.ok((await client.devices.list(organization, project)).items.length > 0);
      assert.ok((await client.devices.listOrganization(organization, { limit: 1 })).items.length > 0);
      await assert.rejects(client.devices.listOrganization(other), is(PermissionDeniedError, NotFoundError));
    }
  }
  const reader = new Roboticks(options({ apiKey: (await key('bob')).secret }));
  const made = reader.devices.create('acme', 'warehouse', { name: 'Picker 7', serial_number: 'RBT-TEST-0007' });
  await assert.rejects(made, (error) => error instanceof PermissionDeniedError && /Not enough permissions/.test(error.message));
});

/** ROBOTICKS-5: limit, rest and end of the window are with the client after each answer. */
test('the limit is known before it is reached', async (t) => {
  const { options, key } = await system(t, 'roboticks');
  const client = new Roboticks(options({ apiKey: (await key('ada')).secret }));
  assert.equal(client.rateLimit, undefined);
  await client.devices.list('acme', 'warehouse', { limit: 1 });
  assert.deepEqual([client.rateLimit.limit, client.rateLimit.remaining], [1000, 999]);
  assert.ok(client.rateLimit.resetAt instanceof Date);
});

/** ROBOTICKS-2, ROBOTICKS-3, ROBOTICKS-8: a login that a program outlives; a later one has no other credential. */
test('a kept login serves a program without credentials', async (t) => {
  const { server, user } = await system(t, 'roboticks');
  const { email, password } = user('ada');
  const kept = folder(t);
  const line = ['login', document('roboticks'), '--url', server.baseURL];
  const { stdout, stderr } = await promisify(execFile)(command, line, { env: { BITTING_CONFIG_DIR: kept, ROBOTICKS_EMAIL: email, ROBOTICKS_PASSWORD: password } });
  const files = readdirSync(kept, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = files.map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'utf8'));
  assert.ok(files.length > 0 && ![stdout, stderr, ...texts].join().includes(password));
  const program = `
    import { Roboticks } from 'roboticks';
    const client = new Roboticks({ baseURL: '${server.baseURL}' });
    const page = await client.devices.list('acme', 'warehouse', { limit: 3 });
    const [{ source, expiresAt }] = client.auth.explain();
    console.log(page.items.length, source, expiresAt instanceof Date);`;
  const without = { ROBOTICKS_API_KEY: '', ROBOTICKS_TOKEN: '', ROBOTICKS_EMAIL: '', ROBOTICKS_PASSWORD: '', BITTING_CONFIG_DIR: kept };
  const done = await run(program, { env: without });
  assert.deepEqual([done.code, done.stdout, done.stderr], [0, '3 the profile `default` true\n', '']);
  assert.equal((await server.journal()).filter((call) => call.startsWith('login')).length, 1);
});

/** ARTOS-1, ARTOS-2, ARTOS-4, ARTOS-10: what belongs to the token's organization, and a status for everybody. */
test('documents stay in their organization', async (t) => {
  const { server, token } = await system(t, 'artos');
  const found = [];
  for (const first of ['ada', 'eve']) {
    const client = new Artos({ baseURL: server.baseURL, environment: { ARTOS_TOKEN: (await token(first)).token } });
    found.push([await ids(client.documents.list()), await ids(client.templates.list())]);
  }
  assert.ok(areApart(found[0][0], found[1][0]) && areApart(found[0][1], found[1][1]));
  const nobody = new Artos({ baseURL: server.baseURL, environment: {} });
  assert.ok(await nobody.search.getSearchStatus());
  await assert.rejects(nobody.documents.list(), (error) => error instanceof CredentialsError && /ARTOS_TOKEN/.test(error.message));
});

/** ARTOS-5, ARTOS-6, ARTOS-7, ARTOS-9: the refusal, which credential it was about, and never the token. */
test('a wrong token is told in the words of Artos', async (t) => {
  const { server, token } = await system(t, 'artos');
  const wrong = { expired: { expired: true }, revoked: {}, garbage: { tamper: 'garbage' }, forged: { tamper: 'bad-signature' }, foreign: { tamper: 'other-organization' } };
  for (const [name, wanted] of Object.entries(wrong)) {
    const made = await token('ada', wanted);
    if (name === 'revoked') await server.control('POST', `/v1/tokens/${made.jti}/revoke`);
    const client = new Artos({ baseURL: server.baseURL, environment: { ARTOS_TOKEN: made.token } });
    await assert.rejects(client.documents.list(), (error) => {
      assert.ok(error instanceof APIStatusError && (name === 'foreign' ? [401, 403] : [401]).includes(error.status), `${name}: ${error.stack}`);
      assert.match(error.message, /Invalid authentication credentials|User has no organization or not authorized/);
      assert.match(error.message, /ARTOS_TOKEN/);
      return !error.stack.includes(made.token);
    });
  }
});

/** ARTOS-8: loopback is the one exception. */
test('a token stays on https', () => {
  for (const baseURL of ['http://api.artosai.com', 'http://localhost.evil.example', 'http://10.1.2.3:8080']) {
    assert.throws(() => new Artos({ baseURL, token: 'fake.artos.token', environment: {} }), (error) => error instanceof ConfigError && /in the clear/.test(error.message));
  }
});
