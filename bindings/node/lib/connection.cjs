/** A native session with those who use it: a client and what its `withOptions` made. They are closed together. */
'use strict';

const { isMainThread } = require('node:worker_threads');

const native = require('../native.cjs');
const { ConfigError, RequestError, errorOf } = require('./errors.cjs');
const { logOf } = require('./log.cjs');
const { connection, ofClient } = require('./options.cjs');

class Connection {
  #session;
  #calls = 0;
  #closing;
  #ended;
  /** What logs a call, if anything does. */
  log;

  /** Opens a session of `api` with the options of a client. */
  constructor(api, options) {
    const config = { api, language: `node/${process.versions.node}`, ...ofClient(options), ...connection(options) };
    // A worker has variables of its own, which the core cannot see.
    if (!isMainThread) config.environment ??= { ...process.env };
    const session = native.open(text(config));
    if (typeof session === 'string') throw errorOf(JSON.parse(session));
    this.log = logOf(options, session.logLevel() ?? undefined);
    for (const warning of session.warnings()) process.emitWarning(warning, 'BittingWarning');
    this.#session = session;
  }

  /** The native session. */
  get session() {
    if (this.#closing) throw new RequestError('the client is closed; make a new one for further calls');
    return this.#session;
  }

  /** A call begins. */
  enter() {
    this.#calls += 1;
  }

  /** A call has ended. */
  leave() {
    this.#calls -= 1;
    if (this.#calls === 0) this.#ended?.();
  }

  /** Takes no new calls, and resolves when those under way have ended. */
  close() {
    this.#closing ??= new Promise((resolve) => {
      this.#ended = () => {
        this.#session.close();
        resolve();
      };
      if (this.#calls === 0) this.#ended();
    });
    return this.#closing;
  }
}

function text(config) {
  try {
    return JSON.stringify(config);
  } catch (cause) {
    throw new ConfigError(`the client's options cannot be written as JSON: ${cause.message}`, { cause });
  }
}

module.exports = { Connection };
