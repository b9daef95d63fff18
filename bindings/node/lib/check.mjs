/** The conformance suite in tests: one run of `bitting check` against an app, as an object. */
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** A run that could not be made: what is wrong, and what to do. It says nothing about the app. */
export class CheckError extends Error {
  name = 'CheckError';
}

/** Checks an app against its document. */
export async function check(options) {
  const { app, ...rest } = options;
  if (app === undefined) return checked(rest);
  if (rest.url !== undefined) throw new CheckError('`app` and `url` both name the app; give one of them');
  const server = typeof app === 'function' ? createServer(app) : app;
  const isOurs = !server.listening;
  if (isOurs) await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await checked({ ...rest, url: `http://127.0.0.1:${server.address().port}` });
  } finally {
    if (isOurs) {
      server.close();
      server.closeAllConnections();
    }
  }
}

async function checked(options) {
  const { document, url, credentials, settings, command = process.env.BITTING_BIN ?? 'bitting', signal } = options;
  const words = ['check', document, '--quiet', '--report', 'json=-', ...(options.arguments ?? [])];
  for (const [option, values] of [['--only', options.only], ['--operation', options.operations], ['--require', options.require]]) {
    for (const value of values ?? []) words.push(option, value);
  }
  if (url !== undefined) words.push('--url', url);
  let members;
  if (typeof settings === 'string') {
    if (credentials) throw new CheckError('credentials are given twice: here and in the settings file; put them there');
    words.push('--config', settings);
  } else if (settings || credentials) {
    // On standard input: no secret stands on a command line or in a file.
    members = JSON.stringify({ ...settings, ...(credentials && { credentials }) });
    words.push('--config', '-');
  }
  const { code, out, told } = await run(command, words, members, signal);
  if (out === '' || ![0, 1, 4].includes(code)) {
    throw new CheckError(told.trim() || `\`${command} check\` ended with ${code}`);
  }
  return new CheckResult(JSON.parse(out), told.trim());
}

async function run(command, words, input, signal) {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGINT' });
  const failed = once(child, 'error').then(([error]) => {
    if (error.name === 'AbortError') throw error;
    throw new CheckError(`\`${command}\` does not start (${error.code}): install bitting, or let BITTING_BIN name it`);
  });
  // A command that ends before it has read everything says why on its standard error.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const [out, told, [code]] = await Promise.race([ended, failed]);
  return { code, out, told };
}

/** The result of a run. */
export class CheckResult {
  #least;

  constructor(report, told) {
    this.findings = report.findings;
    this.verdicts = report.verdicts;
    this.exitCode = report.exit_code;
    this.requests = report.requests;
    this.seconds = report.seconds;
    this.seed = report.seed;
    this.text = told;
    this.#least = report.fail_on;
  }

  /** What could not be told. */
  get skipped() {
    return this.verdicts.filter((verdict) => verdict.outcome === 'skip');
  }

  /** Throws an `AssertionError` that tells every finding, unless the run is a success. */
  confirm() {
    if (this.exitCode !== 0) throw new assert.AssertionError({ message: `\n${this.text}`, stackStartFn: this.confirm });
  }

  /** Makes one test of each check and operation, inside a test of `node:test`. */
  async asTests(test) {
    for (const verdict of this.verdicts) {
      const skip = verdict.outcome === 'skip' && verdict.reason;
      await test.test(`${verdict.check} ${verdict.place}`, { skip }, () => {
        if (this.#fails(verdict)) throw new assert.AssertionError({ message: told(verdict) });
      });
    }
  }

  #fails(verdict) {
    return verdict.outcome === 'fail' && !verdict.accepted && (verdict.severity === 'error' || this.#least === 'note');
  }
}

function told({ severity, check, id, place, rule, source, expected, got, curl, replay }) {
  return [
    `${severity} ${check} [${id}]: ${place}`,
    `  rule      ${rule} (${source})`,
    `  expected  ${expected}`,
    `  got       ${got.summary}${got.status === null ? '' : ` (${got.status})`}`,
    `  curl      ${curl.replaceAll('\n', '\n            ')}`,
    `  replay    ${replay.join(' ')}`,
  ].join('\n');
}
