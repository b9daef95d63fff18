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
    const { credentials } = options;
    let session;
    // It is asked on the event loop while a call waits for the token, and so there is a session by then.
    const ask = credentials && (async (number) => session.deref()?.provide(number, await answerOf(credentials)));
    const opened = native.open(text(config), ask);
    if (typeof opened === 'string') throw errorOf(JSON.parse(opened));
    session = new WeakRef(opened);
    this.log = logOf(options, opened.logLevel() ?? undefined);
    for (const warning of opened.warnings()) process.emitWarning(warning, 'BittingWarning');
    this.#session = opened;
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

/** What a `credentials` function gives, as the core reads it; it never rejects. */
async function answerOf(credentials) {
  try {
    const given = await credentials();
    const { token, expiresIn, scopes } = typeof given === 'string' ? { token: given } : (given ?? {});
    if (typeof token !== 'string') throw new TypeError(`give a string or { token, expiresIn, scopes }, not ${typeof given}`);
    return JSON.stringify({ token, expires_in: expiresIn === undefined ? undefined : expiresIn / 1000, scopes });
  } catch (error) {
    return JSON.stringify({ error: String(error) });
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
