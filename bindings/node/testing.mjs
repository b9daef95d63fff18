/**
 * The conformance suite and the reference server in tests. `check()` is a run of `bitting check` against an app; a server is
 * a process of `bitting serve`, with one world per test. The command is `bitting` on the path, or `BITTING_BIN`. Each
 * server has ports of its own, so parallel workers never meet.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export { CheckError, CheckResult, check } from './lib/check.mjs';

/** Starts the reference server of a document; `await using` or `close()` ends it. */
export async function startReferenceServer({ document, seed = 0, arguments: more = [], command = process.env.BITTING_BIN ?? 'bitting' }) {
  const child = spawn(command, ['serve', document, '--seed', String(seed), ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('error', (error) => reject(new Error(`\`${command}\` does not start (${error.code}): install bitting, or let BITTING_BIN name it`)));
    child.once('exit', (code) => reject(new Error(`\`${command} serve\` ended with ${code} before it was ready; its message is above`)));
  });
  return new ReferenceServer(child, JSON.parse(line));
}

/** A running reference server. */
export class ReferenceServer {
  #child;
  #control;
  #token;

  constructor(child, ready) {
    this.#child = child;
    this.#control = ready.control_url;
    this.#token = ready.control_token;
    this.baseURL = ready.base_url;
  }

  /** A request to the control plane. */
  async control(method, path, body) {
    const response = await fetch(this.#control + path, {
      method,
      headers: { authorization: `Bearer ${this.#token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** The credentials that the world begins with. */
  credentials() {
    return this.control('GET', '/v1/credentials');
  }

  /** A new API key of a user, past every rule. */
  async mintKey(user, wanted = {}) {
    return (await this.control('POST', '/v1/keys', { user, ...wanted })).secret;
  }

  /** A new token of a user; `tamper` says what is to be wrong with it. */
  async mintToken(user, wanted = {}) {
    return (await this.control('POST', '/v1/tokens', { user, ...wanted })).token;
  }

  /** Moves the server's clock. */
  async advance(seconds) {
    await this.control('POST', '/v1/clock/advance', { seconds });
  }

  /** Lets requests go wrong, all of them unless `plan` says which. */
  async fault(effect, plan = {}) {
    await this.control('POST', '/v1/faults', { effect, ...plan });
  }

  /** Switches just these deliberate defects on. */
  async defects(...active) {
    await this.control('PUT', '/v1/defects', { active });
  }

  /** The latest requests, the oldest first. */
  async journal() {
    return (await this.control('GET', '/v1/journal')).entries;
  }

  /** A world that ends with its block: `await using world = await server.world()`. What changes in it is put back. */
  async world() {
    const { id } = await this.control('POST', '/v1/snapshots');
    const restore = async () => {
      await this.control('DELETE', '/v1/faults');
      await this.defects();
      await this.control('PUT', '/v1/steps', { skipped: [] });
      await this.control('POST', `/v1/snapshots/${id}/restore`);
    };
    return { restore, [Symbol.asyncDispose]: restore };
  }

  /** Ends the server. */
  async close() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill();
    await once(this.#child, 'exit');
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }
}
