/**
 * Canaries: secrets that occur nowhere else, looked for wherever a program shows what it has (B7, B8, ARTOS-9). They are
 * used in earnest, against a server that sends back what it is sent.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';

import { Arrotech } from 'arrotech';
import { Roboticks } from 'roboticks';

import { run } from './child.mjs';
import { json, stub } from './stub.mjs';

const [key, token, password, secret] = ['rbtk_test_canary_key_5f1d', 'canary.token.77ab', 'canary-password-19c4', 'canary-client-secret-c0de'];
const [cookie, header, access] = ['canary-cookie-4b1e', 'canary-header-e3a7', 'canary.access.token.e0f2'];
const canaries = [key, token, password, secret, cookie, header, access];
const ways = {
  key: { apiKey: key },
  token: { token },
  login: { username: 'ada@acme.example', password },
  header: { defaultHeaders: { Authorization: `Bearer ${header}`, Cookie: `session=${cookie}` } },
};

/** Everything that shows a value, with whatever switch shows most of it. */
function shown(value) {
  const everything = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null };
  const texts = {
    inspect: inspect(value, everything),
    'inside another': inspect({ value: [new Map([[value, value]])] }, everything),
    'without custom ways': inspect(value, { ...everything, customInspect: false, getters: false }),
    'console.log': format(value, '%o', '%O', '%j', value),
    'JSON.stringify': JSON.stringify(value),
    String: String(value),
  };
  for (let link = value, depth = 0; link instanceof Error && depth < 9; link = link.cause, depth += 1) {
    texts[`stack ${depth}`] = `${link.stack} ${JSON.stringify(link, Object.getOwnPropertyNames(link).filter((name) => !['headers', 'body'].includes(name)))}`;
  }
  try {
    texts.structuredClone = inspect(structuredClone(value), everything);
    texts.serialize = serialize(value).toString('latin1');
  } catch (error) {
    assert.equal(error.name, error instanceof DOMException ? 'DataCloneError' : 'Error', 'what cannot be copied shows nothing');
  }
  return texts;
}

function hits(values) {
  const found = [];
  for (const value of values) {
    for (const [outlet, text] of Object.entries(shown(value))) {
      found.push(...canaries.filter((canary) => text?.includes(canary)).map((canary) => `${outlet}: ${canary} in ${text}`));
    }
  }
  return found;
}

/** Refuses, sends back the credentials and the body that it was sent, and sets a cookie. A login gets a token. */
async function echo(t) {
  return stub(t, (request, response) => {
    const setCookie = { 'set-cookie': `session=${cookie}` };
    if (request.url.endsWith('/auth/login')) return json(response, { access_token: access, token_type: 'bearer', expires_in: 3600 }, 200, setCookie);
    const sent = ['authorization', 'x-api-key', 'cookie'].map((name) => request.headers[name] ?? '');
    return json(response, { detail: `you sent ${sent.join(' ')} ${request.text}`, sent }, 401, setCookie);
  });
}

const failure = (promise) => promise.then(() => assert.fail('it succeeded'), (error) => error);

test('refused calls show no canary, whatever the credential is', async (t) => {
  const baseURL = await echo(t);
  for (const credentials of Object.values(ways)) {
    const client = new Roboticks({ baseURL, environment: {}, maxRetries: 0, ...credentials });
    const twin = client.withOptions({ defaultHeaders: { 'x-twin': header }, timeout: 5000 });
    const promise = twin.devices.list('acme', 'warehouse', {}, { headers: { 'x-secret': header }, query: { key: header } });
    const errors = [await failure(promise), await failure(client.devices.get('acme', 'warehouse', '7'))];
    assert.equal(errors[0].name, 'AuthenticationError');
    assert.deepEqual(hits([client, twin, client.devices, client.auth, client.auth.explain(), promise, ...errors]), []);
    await client.close();
  }
});

test('an OAuth client shows no canary', async (t) => {
  const client = new Arrotech({ clientId: 'app', clientSecret: secret, baseURL: await echo(t), environment: {} });
  const error = await failure(client.providers.list());
  assert.equal(error.name, 'TokenRefreshError');
  assert.deepEqual(hits([client, client.providers, error, client.auth.explain()]), []);
});

test('wrong arguments and options show no canary', async (t) => {
  const baseURL = await echo(t);
  const client = new Roboticks({ apiKey: key, baseURL, environment: {} });
  const headers = { 'x-secret': header };
  const calls = [
    () => client.devices.get('acme', 'warehouse', '..', { headers }),
    () => client.devices.get('acme', 'warehouse', '7', { headers: { ...headers, 'bad name': 'x' } }),
    () => client.devices.get('acme', 'warehouse', '7', { headers, limt: 1 }),
    () => client.devices.get('acme', 'warehouse', '7', { headers, timeout: '5s' }),
    () => client.auth.login({ email: 10n, password }),
    () => client.call('logn', {}, { body: { password } }),
    () => client.devices.list('acme', 'warehouse', { limt: token }),
  ];
  const errors = await Promise.all(calls.map((call) => failure(call())));
  for (const options of [
    { apiKey: [key] },
    { scopes: secret, clientId: 'app', clientSecret: secret },
    { apiKey: { nested: key } },
    { apiKey: `${key} ${key}` },
    { apikey: key },
    { username: 'ada', token },
    { username: password },
    { baseURL: `https://ada:${password}@x.example`, apiKey: key },
    { baseURL: 'http://api.example.com', token },
  ]) {
    try {
      new Roboticks(options);
      assert.fail(`${Object.keys(options)} were taken`);
    } catch (error) {
      assert.match(error.name, /ConfigError|CredentialsError/, error.stack);
      errors.push(error);
    }
  }
  assert.deepEqual(hits(errors), []);
});

test('a response shows no canary, nor does an error about one', async (t) => {
  let body = JSON.stringify({ access_token: access, token_type: 'bearer', expires_in: 3600 });
  const baseURL = await stub(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': `session=${cookie}` }).end(body);
  });
  const client = new Roboticks({ apiKey: key, baseURL, environment: {} });
  const { data, response } = await client.auth.login({ email: 'ada', password }).withResponse();
  assert.equal(data.access_token, access, 'who asks for the token gets it');
  assert.equal(response.headers.get('set-cookie'), `session=${cookie}`);
  body = `{"access_token": "${access}"`;
  const error = await failure(client.auth.login({ email: 'ada', password }));
  assert.equal(error.name, 'APIResponseValidationError');
  assert.equal(error.body, body, 'who asks for the body gets it');
  assert.deepEqual(hits([response, response.headers, error, client.rateLimit ?? {}]), []);
});

for (const way of ['uncaught', 'rejected', 'worker', 'report', 'logged']) {
  test(`a process shows no canary when it ends so: ${way}`, async (t) => {
    const baseURL = await echo(t);
    const program = `
      import { Worker } from 'node:worker_threads';
      import { Roboticks } from 'roboticks';
      const secret = process.env.CANARY;
      delete process.env.CANARY; // a report shows what is in the environment, and that is not ours
      const client = new Roboticks({ username: 'ada', password: secret, baseURL: '${baseURL}', environment: {} });
      const call = () => client.devices.get('acme', 'warehouse', '7', { headers: { 'x-secret': secret } });
      const ways = {
        uncaught: () => call().catch((error) => setImmediate(() => { throw error; })),
        rejected: () => void call(),
        logged: () => call().catch((error) => { console.log(error, client); console.error({ error }); console.dir(error, { showHidden: true, depth: null }); console.table([error]); console.trace(error); }),
        worker: async () => {
          const error = await call().catch((error) => error);
          new Worker('import { workerData } from "node:worker_threads"; throw workerData', { eval: true, workerData: error });
        },
        report: () => call().catch((error) => { console.log(JSON.stringify(process.report.getReport(error))); }),
      };
      await ways['${way}']();`;
    const { stdout, stderr } = await run(program, { env: { CANARY: password, ROBOTICKS_LOG: 'debug' } });
    const output = stdout + stderr;
    assert.deepEqual(canaries.filter((canary) => output.includes(canary)), [], output);
    assert.match(output, /answered 401/);
  });
}

test('calls are logged where somebody asks for it, without a value', async (t) => {
  const baseURL = await echo(t);
  const lines = [];
  const options = { token, baseURL, environment: {}, logger: { info: (line) => lines.push(line) } };
  const client = new Roboticks({ ...options, logLevel: 'info' });
  await failure(client.devices.get('acme', 'warehouse', 'secret-device', { headers: { 'x-secret': header } }));
  await client.auth.login({ email: 'ada', password });
  await failure(new Roboticks(options).devices.get('acme', 'warehouse', '7'));
  assert.equal(lines.length, 2, lines.join('\n'));
  assert.match(lines[0], /^bitting: GET \/api.*\{device_id\} answered 401 .*\(1 requests\)$/);
  assert.equal(lines[1], 'bitting: POST /api/v1/auth/login answered 200 after 1 requests');
  assert.deepEqual([...canaries, 'secret-device'].filter((canary) => lines.join().includes(canary)), []);
  assert.throws(() => new Roboticks({ ...options, logLevel: 'loud' }), { name: 'ConfigError', message: /`logLevel` is 'loud'; give one of: debug/ });
});
