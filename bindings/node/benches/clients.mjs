/**
 * Calls per second of one HTTP client for Node: clients.mjs CLIENT BASE_URL SECONDS prints a line of JSON for each case.
 *
 * Every call lists the devices of a project and reads them from JSON. One call at a time, then 64 in flight, each with
 * a page of 0.3 KB and one of 10 KB. `cargo xtask bench` runs it against the server of fixed pages.
 */
import { createRequire } from 'node:module';

const path = (project) => `/api/v1/organizations/acme/projects/${project}/devices`;
const key = 'rbtk_test_bench_0000000000000000';
const headers = { authorization: `Bearer ${key}` };
const PROJECTS = { warehouse: 1, factory: 45 };
const IN_FLIGHT = [1, 64];
/** A second of warm-up, since before it a client runs code that is not compiled yet; then a little for each case. */
const COLD = 1;
const WARM_UP = 0.3;

function accepted(status) {
  if (status !== 200) throw new Error(`the server answered ${status}`);
}

/** Each makes a function that lists the devices of a project. */
const clients = {
  async bitting(baseURL) {
    const { Roboticks } = await import('roboticks');
    const client = new Roboticks({ baseURL, apiKey: key });
    return async (project) => (await client.devices.list('acme', project)).items;
  },
  async fetch(baseURL) {
    return async (project) => {
      const answer = await fetch(baseURL + path(project), { headers });
      accepted(answer.status);
      return (await answer.json()).items;
    };
  },
  async 'undici.request'(baseURL) {
    const { Agent, request } = await import('undici');
    const dispatcher = new Agent({ connections: 64 });
    return async (project) => {
      const { statusCode, body } = await request(baseURL + path(project), { headers, dispatcher });
      accepted(statusCode);
      return (await body.json()).items;
    };
  },
};

/** The version of a peer. */
function versionOf(client) {
  if (client === 'undici.request') return createRequire(import.meta.url)('undici/package.json').version;
  return client === 'fetch' ? `of Node ${process.versions.node}` : undefined;
}

/** How many calls so many workers make in so many seconds. */
async function run(call, inFlight, seconds) {
  const end = performance.now() + seconds * 1000;
  let calls = 0;
  const work = async () => {
    while (performance.now() < end) {
      await call();
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return calls;
}

async function measure(name, call, project, inFlight, seconds) {
  await run(call, inFlight, Math.min(WARM_UP, seconds));
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const calls = await run(call, inFlight, seconds);
  const elapsed = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const line = { client: name, version: versionOf(name), project, in_flight: inFlight, calls };
  console.log(JSON.stringify({ ...line, seconds: elapsed, cpu_seconds: (user + system) / 1e6 }));
}

const [name, baseURL, seconds] = process.argv.slice(2);
if (!(name in clients) || !(Number(seconds) > 0)) {
  console.error(`usage: clients.mjs CLIENT BASE_URL SECONDS, CLIENT one of: ${Object.keys(clients).join(', ')}`);
  process.exit(2);
}
const list = await clients[name](baseURL);
for (const [project, count] of Object.entries(PROJECTS)) {
  // Nothing is measured that does not do its work.
  const items = await list(project);
  if (items.length !== count) throw new Error(`${items.length} devices of ${project} instead of ${count}`);
}
await run(() => list('warehouse'), 8, COLD);
for (const project of Object.keys(PROJECTS)) {
  for (const inFlight of IN_FLIGHT) await measure(name, () => list(project), project, inFlight, Number(seconds));
}
process.exit(0);
