/** The pages of a list: `await` for the first one, `for await` for the items of all of them. */
'use strict';

const { APIResponseValidationError } = require('./errors.cjs');
const { APIPromise } = require('./promise.cjs');

/** The items of `page`: what stands where a JSON pointer (RFC 6901) leads. */
function itemsOf(page, pagination) {
  const pointer = pagination.response.items ?? '';
  const segments = pointer.split('/').slice(1);
  const items = segments.reduce((place, name) => place?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], page);
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
    for (let page = this; page; page = page.#following()) yield await page;
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
