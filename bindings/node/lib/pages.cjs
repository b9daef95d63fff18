/** The pages of a list: `await` for the first one, `for await` for the items of all of them. */
'use strict';

const { isDeepStrictEqual } = require('node:util');

const { APIResponseValidationError } = require('./errors.cjs');
const { APIPromise } = require('./promise.cjs');

/** What stands where a JSON pointer (RFC 6901) leads. */
function at(page, pointer) {
  const segments = pointer.split('/').slice(1);
  return segments.reduce((place, name) => place?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], page);
}

/** The items of `page`. */
function itemsOf(page, pagination) {
  const pointer = pagination.response.items ?? '';
  const items = at(page, pointer);
  if (!Array.isArray(items)) throw new APIResponseValidationError(`the page has no list of items at '${pointer}'`);
  return items;
}

/** The promise of the first page of a list, and the way to the others. */
class PagePromise extends APIPromise {
  #call;
  #pagination;
  #next;

  /** `next` makes the call for the page that follows arguments and their answer, or answers nothing after the last. */
  constructor(call, pagination, next) {
    super(call);
    this.#call = call;
    this.#pagination = pagination;
    this.#next = next;
  }

  /** The pages one after the other, each asked for when it is wanted. */
  async *iterPages() {
    let before;
    for (let page = this; page; page = page.#following()) {
      const answer = await page;
      if (before !== undefined && this.#repeats(answer, before)) return;
      yield answer;
      before = answer;
    }
  }

  /**
   * Whether this is the page before once more: some servers do not know what asks for the next one, others give the last
   * one for whatever lies behind it. Where the total is known, that tells the end.
   */
  #repeats(page, before) {
    const items = itemsOf(page, this.#pagination);
    const { total } = this.#pagination.response;
    const isCounted = total !== undefined && typeof at(page, total) === 'number';
    return !isCounted && typeof items[0] === 'object' && isDeepStrictEqual(items, itemsOf(before, this.#pagination));
  }

  #following() {
    return this.#next(this.#call.arguments, this.#call.response.asSent());
  }

  /** The items of all pages. */
  async *[Symbol.asyncIterator]() {
    for await (const page of this.iterPages()) yield* itemsOf(page, this.#pagination);
  }
}

module.exports = { PagePromise };
