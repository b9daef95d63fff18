/** The promise of an answer: await it for the data, ask it for the response that the data came in. */
'use strict';

const { APIResponseValidationError, errorOf, raise } = require('./errors.cjs');
const { APIResponse } = require('./response.cjs');

/** A call under way: what the answer is turned into, and where it goes. */
class Call {
  constructor(connection, operation, place, signal) {
    this.connection = connection;
    this.operation = operation;
    this.place = place;
    this.signal = signal;
    /** The arguments as JSON. */
    this.arguments = undefined;
    this.resolve = undefined;
    this.response = undefined;
  }

  /** Takes the answer, or the JSON of a failure, from the native module. */
  arrive(status, head, body, failure) {
    const response = new APIResponse(status, head, body);
    this.connection.log?.(this.place, response, failure);
    if (failure !== undefined) {
      this.resolve(raise(() => errorOf(JSON.parse(failure), response)));
      return;
    }
    this.response = response;
    let data;
    try {
      data = response.decode(this.operation.answer);
    } catch (cause) {
      this.resolve(raise(() => this.#invalid(response, cause)));
      return;
    }
    this.resolve(data);
  }

  #invalid(response, cause) {
    const type = response.headers.get('content-type') ?? 'no content type';
    const { method, path } = this.place;
    const failure = {
      kind: 'decode',
      message: `${method} ${path} answered ${response.status} (${type}) with a body that is no JSON: ${cause.message}`,
      status: response.status,
      requestId: response.requestId,
      attempts: response.attempts,
      method,
      path,
    };
    return errorOf(failure, response);
  }
}

class APIPromise extends Promise {
  #call;

  /** What `then` makes of it is a plain promise. */
  static get [Symbol.species]() {
    return Promise;
  }

  constructor(call) {
    super((resolve) => {
      call.resolve = resolve;
    });
    this.#call = call;
  }

  /** The data, and the response that it came in. */
  async withResponse() {
    const data = await this;
    return { data, response: this.#call.response };
  }

  /** The response alone; its body need not be what the document promises. */
  async asResponse() {
    try {
      await this;
    } catch (error) {
      if (!(error instanceof APIResponseValidationError && this.#call.response)) throw error;
    }
    return this.#call.response;
  }
}

module.exports = { APIPromise, Call };
