/** What every generated client is made of: the client, and its groups of operations. */
'use strict';

const { inspect } = require('node:util');

const { Connection } = require('./connection.cjs');
const { RequestError, errorOf, limitOf } = require('./errors.cjs');
const { CREDENTIALS, checked, isOfConnection, known, ofCall, ofClient } = require('./options.cjs');
const { PagePromise } = require('./pages.cjs');
const pending = require('./pending.cjs');
const { APIPromise, Call } = require('./promise.cjs');

/** How a client hands its connection on to the one that its `withOptions` makes. */
const INHERITED = Symbol('inherited');

class BaseClient {
  #api;
  #options;
  #connection;
  #defaults;
  #resources = new Map();

  /** `api` is the operation table of the API; generated clients give it. */
  constructor(api, options = {}) {
    const { [INHERITED]: inherited, ...own } = checked(options);
    this.#api = api;
    this.#options = own;
    this.#connection = inherited?.connection ?? new Connection(api, own);
    this.#defaults = inherited?.defaults;
  }

  /**
   * A client like this one with other options. It shares this one's connections and tokens, and is closed with it,
   * unless the options name credentials or an address: then it has its own.
   */
  withOptions(options) {
    const names = Object.keys(checked(options));
    const own = { ...this.#options };
    if (names.some((name) => name in CREDENTIALS)) for (const name of Object.keys(CREDENTIALS)) delete own[name];
    const all = { ...own, ...options };
    if (!names.some(isOfConnection)) {
      all[INHERITED] = { connection: this.#connection, defaults: ofClient(options, this.#defaults) };
    }
    return new this.constructor(all);
  }

  /**
   * Calls the operation `id` of the document. `args` have their names of the wire; `body` stands among the options. The
   * answer is what it says it is: JSON, text or bytes.
   */
  call(id, args, { body, ...options } = {}) {
    const index = this.#api.operations.findIndex((operation) => operation.id === id);
    if (index < 0) return Promise.reject(new RequestError(`${this.#api.name} has no operation '${id}'`));
    return this._call({ id, index, answer: 'any', ...bodyOf(this.#api.operations[index]) }, args, body, undefined, options);
  }

  /** The client's credentials: `client.auth.explain()`. */
  get auth() {
    return this._resource(AuthResource);
  }

  /** What the last answer that spoke of a rate limit said. */
  get rateLimit() {
    const state = this.#connection.session.rateLimit();
    return state === null ? undefined : limitOf(JSON.parse(state));
  }

  /** What `client.auth` says; for the resource. */
  _explain() {
    return JSON.parse(this.#connection.session.explain()).map(({ expires_at: end, ...report }) => {
      return { ...report, expiresAt: end === null ? undefined : new Date(end * 1000) };
    });
  }

  /** Takes no new calls; resolves when those under way have ended. */
  close() {
    return this.#connection.close();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /** What could be secret is in private fields; what remains to be seen is the class and the API. */
  [inspect.custom]() {
    return `${this.constructor.name} { api: '${this.#api.name}' }`;
  }

  /** The group of operations that `Kind` is, made when it is first wanted; for generated clients. */
  _resource(Kind) {
    let resource = this.#resources.get(Kind);
    if (resource === undefined) this.#resources.set(Kind, (resource = new Kind(this)));
    return resource;
  }

  /** Makes a call; for generated resources. `operation` is what they know of it, `args` have their names of the wire. */
  _call(operation, args, body, params, options) {
    return this.#send(operation, args, body, params, options, (call) => new APIPromise(call));
  }

  /** Makes a call whose answer is the first page of a list; for generated resources. */
  _pages(operation, args, body, params, options) {
    const { pagination } = this.#api.operations[operation.index];
    const next = (page, answer) => {
      const [following, failure] = this.#connection.session.nextPage(operation.index, page, answer);
      if (failure) throw errorOf(JSON.parse(failure));
      return following && this._pages(operation, following, body, undefined, options);
    };
    return this.#send(operation, args, body, params, options, (call) => new PagePromise(call, pagination, next));
  }

  /** `args` are an object by names of the wire, or JSON that the core has made of one. */
  #send(operation, args, body, params, options, promised) {
    const call = new Call(this.#connection, operation, this.#api.operations[operation.index], options?.signal);
    // Made first, so that whatever is wrong with the call is a rejection.
    const promise = promised(call);
    try {
      call.arguments = typeof args === 'string' ? args : json('the arguments', named(operation, params, { ...args }));
      const content = body === undefined ? undefined : written(operation, body);
      const settings = ofCall(options, this.#defaults);
      pending.start(call, operation.index, call.arguments, content, operation.mediaType, settings);
    } catch (error) {
      call.resolve(Promise.reject(error));
    }
    return promise;
  }
}

/** How a body of `operation` is handed over: as JSON, which becomes a form where one is asked for, or as it is. */
function bodyOf(operation) {
  const mediaTypes = operation.body?.media_types ?? [];
  const isStructured = mediaTypes.some((type) => /json|^multipart\/|^application\/x-www-form-urlencoded/.test(type));
  return isStructured ? { body: 'json' } : { body: 'raw', mediaType: mediaTypes[0] };
}

/** `args` with what the caller names in JavaScript's way, by its names on the wire. */
function named(operation, params, args) {
  if (params === undefined) return args;
  known(params, Object.keys(operation.params), `the parameters of ${operation.id}`, RequestError);
  for (const [given, value] of Object.entries(params)) args[operation.params[given]] = value;
  return args;
}

/** A body as the core takes it: text or bytes. */
function written(operation, body) {
  if (operation.body === 'json') return json('the body', body);
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new RequestError(`the body of ${operation.id} must be a string, a Uint8Array or an ArrayBuffer`);
}

function json(what, value) {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new RequestError(`${what} cannot be written as JSON: ${cause.message}`, { cause });
  }
}

/** A group of operations: `client.devices`. */
class Resource {
  #client;

  constructor(client) {
    this.#client = client;
  }

  /** Makes a call (see `BaseClient`). */
  _call(operation, args, body, params, options) {
    return this.#client._call(operation, args, body, params, options);
  }

  /** What is known of the client's credentials (see `BaseClient`). */
  _explain() {
    return this.#client._explain();
  }

  /** Makes a call for pages (see `BaseClient`). */
  _pages(operation, args, body, params, options) {
    return this.#client._pages(operation, args, body, params, options);
  }
}

/** What stands at `client.auth`: the API's own resource of that name extends it. */
class AuthResource extends Resource {
  /** Which credential the client uses for each scheme, from where, until when, and for what. No secret. */
  explain() {
    return this._explain();
  }
}

module.exports = { AuthResource, BaseClient, Resource };
