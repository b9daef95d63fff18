/** Forms with files (`multipart/form-data`, RFC 7578): from bytes, Blobs, Files and streams. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { File } from 'node:buffer';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { command } from './reference.mjs';
import { stub } from './stub.mjs';

const root = join(import.meta.dirname, '..');

test('what can be given for a file', async (t) => {
  const folder = mkdtempSync(join(root, 'test', 'kitchen-sink-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const document = join(root, '..', '..', 'codegen', 'tests', 'documents', 'kitchen-sink.yaml');
  const made = spawnSync(command, ['generate', document, '--lang', 'node', '--out', folder], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const { KitchenSink } = await import(join(folder, 'index.mjs'));

  const forms = [];
  const baseURL = await stub(t, (request, response) => {
    const body = Buffer.from(request.text, 'utf8');
    forms.push(new Response(body, { headers: { 'content-type': request.headers['content-type'] } }).formData());
    response.writeHead(204).end();
  });
  const client = new KitchenSink({ baseURL, apiKey: 'fake-key', environment: {} });
  const path = join(folder, 'plan.txt');
  writeFileSync(path, 'from a file');
  async function* chunks() {
    yield 'in ';
    yield new TextEncoder().encode('chunks');
  }
  const given = [
    [new TextEncoder().encode('bytes'), 'file', 'application/octet-stream', 'bytes'],
    [new TextEncoder().encode('buffer').buffer, 'file', 'application/octet-stream', 'buffer'],
    [new Blob(['blob'], { type: 'text/csv' }), 'file', 'text/csv', 'blob'],
    [new File(['file'], 'rows.csv', { type: 'text/csv' }), 'rows.csv', 'text/csv', 'file'],
    [createReadStream(path), 'plan.txt', 'application/octet-stream', 'from a file'],
    [chunks(), 'file', 'application/octet-stream', 'in chunks'],
  ];
  for (const [file, name, type, content] of given) {
    assert.equal(await client.files.upload({ name: 'a plan', file }), undefined);
    const form = await forms.at(-1);
    const found = form.get('file');
    assert.deepEqual([form.get('name'), found.name, found.type, await found.text()], ['a plan', name, type, content]);
  }
  await client.files.upload({ name: 'no file' });
  assert.equal((await forms.at(-1)).get('name'), 'no file');
  const failing = client.files.upload({ file: createReadStream(join(folder, 'nowhere')) });
  await assert.rejects(failing, { code: 'ENOENT' });
  await assert.rejects(client.files.upload({ file: [new Uint8Array(1), 7] }), { name: 'RequestError', message: /'file' mixes files/ });
  await client.call('upload', {}, { body: { name: 'by id', file: new Blob(['x']) } });
  assert.equal(await (await forms.at(-1)).get('file').text(), 'x');
  await client.close();
});
