/** What a TypeScript user writes, in an ES module. Lines that must not compile say so. */
import { type APIResponse, NotFoundError, RateLimitError } from 'bitting';
import { Arrow } from 'arrow';
import { Arrotech } from 'arrotech';
import { Artos } from 'artos';
import { type Device, type DevicesListParams, Roboticks } from 'roboticks';

const client: Roboticks = new Roboticks({ apiKey: 'rbtk_test_types', timeout: 5_000 }).withOptions({ maxRetries: 1 });
const controller = new AbortController();
const params: DevicesListParams = { limit: 10 };

const page = await client.devices.list('acme', 'warehouse', params, { signal: controller.signal });
const total: number = page.total;
for await (const device of client.devices.list('acme', 'warehouse')) {
  const known: Device = device;
  if (known.status === 'online') console.log(known.name.toUpperCase(), total);
}
for await (const next of client.devices.list('acme', 'warehouse').iterPages()) console.log(next.items.length);

const created: Device = await client.devices.create('acme', 'warehouse', { name: 'a', serial_number: 'b', status: 'a new one' });
const { data, response } = await client.devices.get('acme', 'warehouse', created.id).withResponse();
const answer: APIResponse = response;
console.log(data.tags, answer.headers.get('x-request-id'), answer.attempts);
const nothing: void = await client.devices.delete('acme', 'warehouse', created.id);
void nothing;

try {
  await client.devices.get('acme', 'warehouse', 'x', { headers: { 'x-a': '1' }, query: new Map([['a', 'b']]) });
} catch (error) {
  if (error instanceof RateLimitError) console.log(error.retryAfter, error.status, error.resetAt?.toISOString());
  else if (error instanceof NotFoundError) console.log(error.requestId, error.body);
}

// @ts-expect-error: the project is missing
void client.devices.list('acme');
// @ts-expect-error: no such parameter
void client.devices.list('acme', 'warehouse', { limt: 1 });
// @ts-expect-error: the serial number is missing
void client.devices.create('acme', 'warehouse', { name: 'a' });
// @ts-expect-error: no such option
void new Roboticks({ apikey: 'x' });
// @ts-expect-error: no such member
void created.nme;

await using owned = new Arrow({ environment: {} });
console.log(owned.auth.explain().map((credential) => credential.source), new Arrotech(), new Artos());
