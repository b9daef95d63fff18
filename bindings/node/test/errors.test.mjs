/** Errors: the class says what happened, the members say the rest, the stack says who called. */
import assert from 'node:assert/strict';
import test from 'node:test';

import * as bitting from 'bitting';
import { Roboticks } from 'roboticks';

import { json, stub } from './stub.mjs';

const apiKey = 'rbtk_test_errors';
const list = (client, options) => client.devices.list('acme', 'warehouse', {}, { maxRetries: 0, ...options });

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('the call succeeded');
}

/** ROBOTICKS-6: status, body and request id reach the caller. */
test('each status has its class', async (t) => {
  const classes = {
    400: 'BadRequestError',
    401: 'AuthenticationError',
    403: 'PermissionDeniedError',
    404: 'NotFoundError',
    409: 'ConflictError',
    418: 'APIStatusError',
    422: 'UnprocessableEntityError',
    500: 'InternalServerError',
    503: 'InternalServerError',
  };
  let status = 0;
  const baseURL = await stub(t, (_, response) => json(response, { detail: 'Not enough permissions' }, status, { 'x-request-id': 'req-1' }));
  const client = new Roboticks({ apiKey, baseURL });
  for (const [code, name] of Object.entries(classes)) {
    status = Number(code);
    const error = await failure(list(client));
    assert.equal(error.name, name);
    assert.ok(error instanceof bitting[name] && error instanceof bitting.APIStatusError && error instanceof bitting.BittingError);
    assert.equal(error.status, status);
    assert.deepEqual(error.body, { detail: 'Not enough permissions' });
    assert.match(error.message, /Not enough permissions/);
    assert.equal(error.requestId, 'req-1');
    assert.equal(error.headers.get('x-request-id'), 'req-1');
    assert.equal(error.retriesTaken, 0);
    assert.equal(`${error.method} ${error.path}`, 'GET /api/v1/organizations/{org_slug}/projects/{project_slug}/devices');
  }
});

/** ROBOTICKS-5: what the server says about its limit is on the error. */
test('a 429 tells what the limit is', async (t) => {
  const reset = Math.floor(Date.now() / 1000) + 60;
  const limits = { 'x-ratelimit-limit': '1000', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) };
  const body = { detail: 'Rate limit exceeded. Try again in 60 seconds.', retry_after: 60 };
  let requests = 0;
  const baseURL = await stub(t, (_, response) => {
    requests += 1;
    json(response, body, 429, limits);
  });
  const client = new Roboticks({ apiKey, baseURL });
  const error = await failure(list(client));
  assert.ok(error instanceof bitting.RateLimitError);
  assert.equal(error.status, 429);
  assert.deepEqual(error.body, body);
  assert.ok(Math.abs(error.retryAfter - 60) <= 2, `${error.retryAfter}`);
  assert.deepEqual([error.limit, error.remaining], [1000, 0]);
  assert.ok(Math.abs(error.resetAt - reset * 1000) <= 2000, `${error.resetAt}`);

  const held = await failure(list(client, { deadline: 1000 }));
  assert.ok(held instanceof bitting.RateLimitError);
  assert.deepEqual([held.status, held.body, [...held.headers]], [429, undefined, []]);
  assert.ok(held.retryAfter > 50, `${held.retryAfter}`);
  assert.equal(requests, 1, 'the server is left alone');
});

test('no server, no answer, no time', async (t) => {
  const refused = await failure(list(new Roboticks({ apiKey, baseURL: 'http://127.0.0.1:1' })));
  assert.equal(refused.constructor, bitting.APIConnectionError);
  const baseURL = await stub(t, () => {});
  const late = await failure(list(new Roboticks({ apiKey, baseURL }), { timeout: 50 }));
  assert.ok(late instanceof bitting.APITimeoutError && late instanceof bitting.APIConnectionError);
  const broken = await stub(t, (_, response) => response.destroy());
  assert.ok((await failure(list(new Roboticks({ apiKey, baseURL: broken })))) instanceof bitting.APIConnectionError);
});

test('an answer that is no JSON is told, and still to be had', async (t) => {
  const baseURL = await stub(t, (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in</html>'));
  const client = new Roboticks({ apiKey, baseURL });
  const error = await failure(list(client));
  assert.ok(error instanceof bitting.APIResponseValidationError);
  assert.match(error.message, /^GET \/api\/v1\/.* answered 200 \(text\/html\) with a body that is no JSON/);
  assert.equal(error.body, '<html>Log in</html>');
  assert.equal(await (await list(client).asResponse()).text(), '<html>Log in</html>');
});

test('a client that is configured wrongly is not made', () => {
  const refused = (options, message) =>
    assert.throws(() => new Roboticks(options), (error) => error instanceof bitting.ConfigError && (assert.match(error.message, message), true));
  refused({ apikey: 'x' }, /'apikey'.*apiKey/);
  refused(null, /must be an object, not null/);
  refused({ username: 'ada@example.com' }, /password/);
  refused({ apiKey, baseURL: 'http://api.example.com' }, /https/);
  refused({ apiKey, timeout: '5s' }, /`timeout` is 5s; give a number of milliseconds/);
  refused({ apiKey, maxRetries: 1.5 }, /`maxRetries` is 1.5/);
});

test('an operation without a credential that fits is refused', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, {}));
  const error = await failure(list(new Roboticks({ baseURL, environment: {} })));
  assert.ok(error instanceof bitting.CredentialsError);
  assert.match(error.message, /ROBOTICKS_API_KEY/);
});

test('the stack leads to the caller', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, {}, 404));
  const client = new Roboticks({ apiKey, baseURL });
  async function theCaller() {
    return await list(client);
  }
  async function itsCaller() {
    await Promise.all([theCaller()]);
  }
  const { stack } = await failure(itsCaller());
  assert.match(stack, /^NotFoundError: .*\n    at async theCaller .*errors\.test\.mjs[^]*at async itsCaller/);
});

test('a failure that nobody awaits is an unhandled rejection, and asResponse is no second one', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, {}, 404));
  const client = new Roboticks({ apiKey, baseURL });
  const unhandled = [];
  const onUnhandled = (reason) => unhandled.push(reason.name);
  const before = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onUnhandled);
  t.after(() => {
    process.off('unhandledRejection', onUnhandled);
    for (const listener of before) process.on('unhandledRejection', listener);
  });
  assert.equal((await failure(list(client).asResponse())).status, 404);
  assert.equal((await failure(list(client).withResponse())).status, 404);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(unhandled, []);
  void list(client);
  while (unhandled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(unhandled, ['NotFoundError']);
});
