/** The READMEs' JavaScript is run as it stands, so that it cannot rot. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { run } from './child.mjs';
import { serve } from './reference.mjs';

const root = join(import.meta.dirname, '..', '..', '..');
/** The programs of the READMEs. A test of somebody's app is none: `check.test.mjs` has the like. */
const blocks = ['README.md', 'bindings/node/README.md'].flatMap((path) => {
  const text = readFileSync(join(root, path), 'utf8');
  const code = [...text.matchAll(/^```js\n([^]*?)^```/gm)].map(([, code]) => code).filter((code) => !/^test\(/m.test(code));
  return code.map((code, index) => ({ name: `${path}, block ${index}`, code }));
});

test('there is code', () => assert.ok(blocks.some(({ name }) => name.startsWith('README.md'))));

for (const { name, code } of blocks) {
  test(`the code runs: ${name}`, async (t) => {
    const server = await serve(t, 'roboticks');
    const { users } = await server.control('GET', '/v1/credentials');
    const { email, password } = users.find((user) => user.email.startsWith('ada'));
    const source = code.replace("password: 'password'", `password: '${password}'`);
    const program = source.includes('import ') ? source : `import { Roboticks } from 'roboticks';\n${source}`;
    const env = { ROBOTICKS_BASE_URL: server.baseURL, ROBOTICKS_EMAIL: email, ROBOTICKS_PASSWORD: password };
    const { code: exit, stdout, stderr } = await run(program, { env });
    assert.deepEqual([exit, stderr], [0, '']);
    assert.ok(stdout.trim().split('\n').length >= 45, stdout);
  });
}
