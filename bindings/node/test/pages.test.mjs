/** Pages: one rule for what comes next, in Rust, Python and here. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

import { APIResponseValidationError, PagePromise } from 'bitting';
import { Roboticks } from 'roboticks';

import { device, json, stub } from './stub.mjs';

const { following } = createRequire(import.meta.url)('../lib/pages.cjs');
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

/** ARROW-5: the table of the Rust client's own tests. */
test('what comes after a page', () => {
  const page = (count, total, next) => ({ items: Array(count).fill({}), total, next });
  const by = (style, request = {}) => ({ style, request, response: { items: '/items', total: '/total', next: '/next' } });
  assert.deepEqual(following(page(2, 3), by('offset'), { limit: 2 }), { limit: 2, offset: 2 });
  assert.equal(following(page(1, 3), by('offset'), { limit: 2, offset: 2 }), undefined);
  assert.deepEqual(following(page(2), by('offset'), { limit: 2 }), { limit: 2, offset: 2 });
  assert.equal(following(page(1), by('offset'), { limit: 2, offset: 2 }), undefined);
  assert.equal(following(page(0, 99), by('offset'), {}), undefined);
  assert.deepEqual(following(page(2, 3), by('offset', { offset: 'skip' }), { 'query:skip': 4 }), undefined);
  assert.deepEqual(following(page(2, 9), by('offset', { offset: 'skip' }), { 'query:skip': 4 }), { skip: 6 });
  assert.deepEqual(following(page(2, 3), by('page'), { size: 2 }), { size: 2, page: 2 });
  assert.equal(following(page(1, 3), by('page'), { size: 2, page: 2 }), undefined);
  assert.deepEqual(following(page(2, undefined, 'abc'), by('cursor'), {}), { cursor: 'abc' });
  assert.equal(following(page(2, undefined, 'abc'), by('cursor'), { cursor: 'abc' }), undefined);
  for (const none of [undefined, null, '']) assert.equal(following(page(2, undefined, none), by('cursor'), {}), undefined);
});
