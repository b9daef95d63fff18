/** Pages: one rule for what comes next, in Rust, Python and here. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { Arrow } from 'arrow';
import { APIResponseValidationError, PagePromise } from 'bitting';
import { Roboticks } from 'roboticks';

import { device, json, stub } from './stub.mjs';

const apiKey = 'rbtk_test_pages';

/** ROBOTICKS-4: across page boundaries, each page asked for when it is wanted. */
test('items and pages of a list', async (t) => {
  const all = Array.from({ length: 45 }, (_, index) => device(index));
  const asked = [];
  const baseURL = await stub(t, (request, response) => {
    const { searchParams } = new URL(request.url, 'http://x');
    const [limit, offset] = [Number(searchParams.get('limit') ?? 20), Number(searchParams.get('offset') ?? 0)];
    asked.push(offset);
    json(response, { items: all.slice(offset, offset + limit), total: all.length, limit, offset });
  });
  const client = new Roboticks({ apiKey, baseURL });

  const list = client.devices.list('acme', 'warehouse');
  assert.ok(list instanceof PagePromise);
  const names = [];
  for await (const { name } of list) names.push(name);
  assert.deepEqual(names, all.map(({ name }) => name));
  assert.deepEqual(asked.splice(0), [0, 20, 40]);

  const sizes = [];
  for await (const page of client.devices.list('acme', 'warehouse', { limit: 10, offset: 5 }).iterPages()) sizes.push(page.items.length);
  assert.deepEqual(sizes, [10, 10, 10, 10]);
  assert.deepEqual(asked.splice(0), [5, 15, 25, 35]);

  const first = await client.devices.list('acme', 'warehouse');
  assert.deepEqual([first.items.length, first.total], [20, 45]);
  for await (const _ of client.devices.list('acme', 'warehouse')) break;
  assert.deepEqual(asked, [0, 0], 'what nobody wants is not asked for');
});

test('a page without a list of items is told', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, { total: 1 }));
  const client = new Roboticks({ apiKey, baseURL });
  const walk = async () => {
    for await (const _ of client.devices.list('acme', 'warehouse'));
  };
  await assert.rejects(walk(), (error) => error instanceof APIResponseValidationError && /'\/items'/.test(error.message));
});

/** ARROW-5: which page is next, the core says; options of the first call hold for the others. */
test('by page number, with the options of the call', async (t) => {
  const asked = [];
  const baseURL = await stub(t, (request, response) => {
    const page = Number(new URL(request.url, 'http://x').searchParams.get('page') ?? 1);
    asked.push(`${request.url} ${request.headers['x-trace']}`);
    json(response, { items: page < 3 ? [device(page), device(page)] : [device(page)], total: 5, page, page_size: 2 });
  });
  const client = new Arrow({ apiKey: 'arrow_test_pages', baseURL, environment: {} });
  let count = 0;
  for await (const _ of client.users.list({ pageSize: 2 }, { headers: { 'x-trace': '7' } })) count += 1;
  assert.equal(count, 5);
  assert.deepEqual(asked, ['/api/v1/users?page_size=2 7', '/api/v1/users?page=2&page_size=2 7', '/api/v1/users?page=3&page_size=2 7']);
});

test('a page that comes again is the end', async (t) => {
  const baseURL = await stub(t, (_, response) => json(response, { items: [device(0), device(1)] }));
  const client = new Roboticks({ apiKey, baseURL });
  const names = [];
  for await (const { name } of client.devices.list('acme', 'warehouse', { limit: 2 })) names.push(name);
  assert.deepEqual(names, [device(0).name, device(1).name]);
});
