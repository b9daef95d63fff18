/** Runs a small program in a process of its own, beside this package, and tells how it ended. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Runs `source` as an ES module (`inputType` says otherwise) until it ends, or for `timeout` milliseconds. */
export function run(source, { env = {}, inputType = 'module', timeout = 20_000 } = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env }, timeout };
    const child = spawn(process.execPath, [`--input-type=${inputType}`, '--eval', source], options);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
