/** The pages of a list: `await` for the first one, `for await` for the items of all of them. */
'use strict';

const { APIResponseValidationError } = require('./errors.cjs');
const { APIPromise } = require('./promise.cjs');

/** The place that a JSON pointer (RFC 6901) names in `value`. */
function at(value, pointer) {
  const segments = pointer.split('/').slice(1);
  return segments.reduce((place, segment) => place?.[segment.replaceAll('~1', '/').replaceAll('~0', '~')], value);
}

/** The items of `page`. */
function itemsOf(page, pagination) {
  const pointer = pagination.response.items ?? '';
  const items = at(page, pointer);
  if (!Array.isArray(items)) throw new APIResponseValidationError(`the page has no list of items at '${pointer}'`);
  return items;
}

/** The arguments for the page after `page`, or `undefined` if that was the last one. The Rust client's rules. */
function following(page, pagination, args) {
  const { style, request, response } = pagination;
  const part = (name) => (response[name] === undefined ? undefined : at(page, response[name]));
  const argument = (name) => args[request[name] ?? name] ?? args[`query:${request[name] ?? name}`];
  const asking = (name, value) => {
    const { [`query:${request[name]}`]: _, ...others } = args;
    return { ...others, [request[name] ?? name]: value };
  };
  const count = itemsOf(page, pagination).length;
  const total = Number.isSafeInteger(part('total')) ? part('total') : undefined;
  // Without a total, a page that is not full is the last one.
  const goesOn = (seen, size) => count > 0 && (total === undefined ? size === undefined || count >= size : seen < total);
  switch (style) {
    case 'offset': {
      const offset = (argument('offset') ?? 0) + count;
      return goesOn(offset, argument('limit')) ? asking('offset', offset) : undefined;
    }
    case 'page': {
      const current = argument('page') ?? 1;
      const size = argument('size');
      return goesOn(current * (size ?? count), size) ? asking('page', current + 1) : undefined;
    }
    default: {
      // A server that answers the same mark for ever must not be asked for ever.
      const next = part('next') || undefined;
      return next === undefined || next === argument('cursor') ? undefined : asking('cursor', next);
    }
  }
}

/** The promise of the first page of a list, and the way to the others. */
class PagePromise extends APIPromise {
  #pagination;
  #arguments;
  #fetch;

  /** `fetch` makes the call for the page that some arguments ask for. */
  constructor(call, pagination, args, fetch) {
    super(call);
    this.#pagination = pagination;
    this.#arguments = args;
    this.#fetch = fetch;
  }

  /** The pages one after the other, each asked for when it is wanted. */
  async *iterPages() {
    let args = this.#arguments;
    let page = await this;
    for (;;) {
      yield page;
      args = following(page, this.#pagination, args);
      if (args === undefined) return;
      page = await this.#fetch(args);
    }
  }

  /** The items of all pages. */
  async *[Symbol.asyncIterator]() {
    for await (const page of this.iterPages()) yield* itemsOf(page, this.#pagination);
  }
}

module.exports = { PagePromise, following };
