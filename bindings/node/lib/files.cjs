/** Bytes that a caller gives, in whatever shape, and the files of a form. */
'use strict';

const { basename } = require('node:path');

const { RequestError } = require('./errors.cjs');

/** The bytes, or the promise of them; `undefined` for what is neither bytes nor a Blob nor a stream. */
function contentOf(value) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value instanceof Blob) return value.arrayBuffer().then((buffer) => new Uint8Array(buffer));
  if (typeof value?.[Symbol.asyncIterator] === 'function') return collected(value);
  return undefined;
}

async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks);
}

/** The fields of a form that are text, and its files. A `File` and a file's stream bring their names. */
async function split(form) {
  const fields = {};
  const files = [];
  for (const [name, value] of Object.entries(form)) {
    const items = Array.isArray(value) ? value : [value];
    const contents = await Promise.all(items.map(contentOf));
    if (contents.every((content) => content === undefined)) {
      fields[name] = value;
    } else if (contents.includes(undefined)) {
      throw new RequestError(`the field '${name}' mixes files with other values; give one or the other`);
    } else {
      files.push(...contents.map((content, index) => file(name, items[index], content)));
    }
  }
  return { fields, files };
}

function file(name, given, content) {
  const path = typeof given.path === 'string' ? basename(given.path) : undefined;
  return { name, fileName: given.name || path || name, mediaType: given.type || 'application/octet-stream', content };
}

module.exports = { contentOf, split };
