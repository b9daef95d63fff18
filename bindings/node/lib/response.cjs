/** An answer as it came: status, headers, body. Headers are taken apart only when they are looked at. */
'use strict';

const { inspect } = require('node:util');

/** Headers that show their names alone: an answer sets cookies. */
class AnswerHeaders extends Headers {
  [inspect.custom]() {
    return `Headers { ${[...new Set(this.keys())].join(', ')} }`;
  }
}

class APIResponse {
  #head;
  #body;
  #lines;
  #headers;

  /** `head` is written by the native module: attempts and milliseconds waited, request id, a line for each header. */
  constructor(status, head, body) {
    this.status = status;
    this.#head = head;
    this.#body = body;
  }

  /** What an answer holds is asked for by name, and stands in no log of it. */
  [inspect.custom]() {
    return `APIResponse { status: ${this.status} }`;
  }

  #line(index) {
    this.#lines ??= this.#head.split('\n');
    return this.#lines[index];
  }

  /** How many requests the call took, those for tokens not counted. */
  get attempts() {
    return Number.parseInt(this.#line(0), 10);
  }

  /** How long the call waited between its requests, in milliseconds. */
  get waited() {
    return Number.parseInt(this.#line(0).split(' ')[1], 10);
  }

  /** The server's id of the request. */
  get requestId() {
    return this.#line(1) || undefined;
  }

  /** The headers, as `fetch` gives them. */
  get headers() {
    if (this.#headers === undefined) {
      this.#headers = new AnswerHeaders();
      this.#line(0);
      for (const line of this.#lines.slice(2)) {
        const colon = line.indexOf(':');
        this.#headers.append(line.slice(0, colon), line.slice(colon + 1));
      }
    }
    return this.#headers;
  }

  /** The body as text. */
  async text() {
    return this.asText();
  }

  /** The body as JSON. */
  async json() {
    return JSON.parse(this.asText());
  }

  /** The body as bytes. */
  async bytes() {
    return this.asBytes();
  }

  /** The body as text, at once. */
  asText() {
    if (typeof this.#body === 'string') return this.#body;
    const charset = /charset="?([^";]+)/i.exec(this.headers.get('content-type') ?? '')?.[1];
    return decoder(charset).decode(this.#body);
  }

  /** The body as bytes, at once. */
  asBytes() {
    return typeof this.#body === 'string' ? Buffer.from(this.#body) : this.#body;
  }

  /** The body as the native module handed it over: text, or bytes. */
  asSent() {
    return this.#body;
  }

  /** The body as what it says it is: JSON, text, bytes, or `undefined` where there is none. */
  value() {
    if (this.#body.length === 0) return undefined;
    if (typeof this.#body !== 'string') return this.#body;
    try {
      return JSON.parse(this.#body);
    } catch {
      return this.#body;
    }
  }

  /** The body as the `kind` that the document promises: `json`, `text`, `binary`, `empty`, or `any` that it says. */
  decode(kind) {
    switch (kind) {
      case 'json':
        return this.#body.length === 0 && this.status !== 200 ? null : JSON.parse(this.asText());
      case 'text':
        return this.asText();
      case 'binary':
        return this.asBytes();
      case 'any':
        return this.value();
      default:
        return undefined;
    }
  }
}

/** A decoder for `charset`; UTF-8 where there is none of that name. */
function decoder(charset) {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

module.exports = { APIResponse };
