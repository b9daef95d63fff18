/** The reference server: `bitting serve` with a document of this repository, and its control plane. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..', '..');
const built = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug', `bitting${process.platform === 'win32' ? '.exe' : ''}`);
/** The command `bitting`. */
export const command = process.env.BITTING_BIN ?? built;

/** Starts the reference server for the document `name`; it ends with the test `t`. */
export async function serve(t, name) {
  if (!existsSync(command)) throw new Error(`${command} is not there: cargo build -p bitting-cli, or let BITTING_BIN name it`);
  const document = join(root, 'spec', 'openapi', `${name}.yaml`);
  const child = spawn(command, ['serve', document, '--seed', '7'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`bitting serve ended with ${code} before it was ready`)));
  });
  return new Reference(JSON.parse(line));
}

class Reference {
  #control;
  #token;

  constructor(ready) {
    this.baseURL = ready.base_url;
    this.#control = ready.control_url;
    this.#token = ready.control_token;
  }

  /** A request to the control plane. */
  async control(method, path, body) {
    const response = await fetch(this.#control + path, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  /** The calls that reached the server so far: operation and status. */
  async journal() {
    const { entries } = await this.control('GET', '/v1/journal');
    return entries.map(({ operation, status }) => `${operation} ${status}`);
  }
}
