/** The behaviours that all languages share (`spec/vectors`), as Node has them. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import * as bitting from 'bitting';

import { json, stub } from './stub.mjs';

const require = createRequire(import.meta.url);
const folder = new URL('../../../spec/vectors/', import.meta.url);
const ERRORS = {
  config: bitting.ConfigError,
  credentials: bitting.CredentialsError,
  request: bitting.RequestError,
  connection: bitting.APIConnectionError,
  timeout: bitting.APITimeoutError,
  rate_limited: bitting.RateLimitError,
  api: bitting.APIStatusError,
  decode: bitting.APIResponseValidationError,
  token: bitting.TokenRefreshError,
};
const NAMES = {
  api_key: 'apiKey',
  base_url: 'baseURL',
  client_id: 'clientId',
  client_secret: 'clientSecret',
  max_retries: 'maxRetries',
  headers: 'defaultHeaders',
};

/** How often an exchange takes place, at least and at most. */
function bounds({ times = 1 }) {
  return Array.isArray(times) ? times : [times, times];
}

/** Why a request is not the expected one, or `undefined` if it is. */
function differs(expected, request) {
  if (request.method !== expected.method || request.url !== expected.target) return `${request.method} ${request.url}`;
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    if (request.headers[name] !== value) return `${name}: ${request.headers[name]}`;
  }
  for (const name of expected.without ?? []) if (name in request.headers) return `${name} is there`;
  const wanted = expected.json ?? expected.form;
  if (wanted === undefined) return undefined;
  try {
    const read = expected.json === undefined ? Object.fromEntries(new URLSearchParams(request.text)) : JSON.parse(request.text);
    assert.deepEqual(read, wanted);
  } catch {
    return `body ${request.text}`;
  }
}

/** Answers requests as a vector says, and remembers those that it does not know. */
class Script {
  surprises = [];

  constructor({ exchanges = [], unordered = false }) {
    this.exchanges = exchanges.map((exchange) => ({ ...exchange, seen: 0 }));
    this.unordered = unordered;
  }

  answer(request, response) {
    const reasons = [];
    for (const exchange of this.exchanges) {
      const [least, most] = bounds(exchange);
      if (exchange.seen === most) continue;
      const reason = differs(exchange.request, request);
      if (reason === undefined) {
        exchange.seen += 1;
        const { status, headers = {}, json: body } = exchange.response;
        const bytes = Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]);
        return json(response, body, status, Object.fromEntries(bytes));
      }
      reasons.push(reason);
      if (!this.unordered && exchange.seen < least) break;
    }
    this.surprises.push(`${request.method} ${request.url}: ${reasons.join('; ')}`);
    json(response, {}, 599);
  }

  check() {
    assert.deepEqual(this.surprises, []);
    for (const exchange of this.exchanges) {
      const [least, most] = bounds(exchange);
      assert.ok(least <= exchange.seen && exchange.seen <= most, `${exchange.request.target}: ${exchange.seen} times`);
    }
  }
}

/** The vector's configuration as options; times are milliseconds here. */
function options({ client = {}, environment = {} }, baseURL) {
  const named = Object.entries(client).map(([name, value]) => [NAMES[name] ?? name, name === 'deadline' ? value * 1000 : value]);
  return { baseURL, environment, ...Object.fromEntries(named) };
}

/** Whether a call ended as it should. */
async function judge(expected, outcome, secrets) {
  if (outcome.status === 'rejected') {
    const error = outcome.reason;
    assert.ok(error instanceof ERRORS[expected.error], `${error.stack}`);
    if (expected.status !== undefined) assert.equal(error.status, expected.status);
    assert.ok(error.message.includes(expected.mentions ?? ''), error.message);
    for (const secret of secrets) assert.ok(!`${error.stack}`.includes(secret));
    return;
  }
  const { response, data } = outcome.value;
  assert.equal(expected.error, undefined, 'it succeeded');
  assert.equal(response.status, expected.status);
  if (expected.json !== undefined) assert.deepEqual(data, expected.json);
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
  for (const vector of JSON.parse(readFileSync(new URL(file, folder), 'utf8')).vectors) {
    test(`${file.slice(0, -5)}: ${vector.name}`, async (t) => {
      const script = new Script(vector);
      const baseURL = await stub(t, (request, response) => script.answer(request, response));
      const Client = require(vector.api)[vector.api[0].toUpperCase() + vector.api.slice(1)];
      if (vector.open !== undefined) {
        const make = async () => new Client(options(vector, baseURL)).call('');
        return assert.rejects(make, ERRORS[vector.open]);
      }
      const client = new Client(options(vector, baseURL));
      t.after(() => client.close());
      const secrets = ['api_key', 'token', 'password', 'client_secret'].map((name) => vector.client?.[name]?.trim()).filter(Boolean);
      for (const step of vector.steps) {
        if (step.wait !== undefined) {
          await wait(step.wait * 1000);
          continue;
        }
        const call = () => client.call(step.call, step.arguments, { body: step.json }).withResponse();
        const calls = Array.from({ length: step.together ?? 1 }, call);
        for (const outcome of await Promise.allSettled(calls)) await judge(step.expect, outcome, secrets);
      }
      script.check();
    });
  }
}
