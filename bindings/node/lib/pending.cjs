/**
 * The calls that are under way in this environment (the main thread or a worker), by ticket.
 *
 * The native module wakes the event loop once for a whole batch of finished calls. While a call is under way a timer
 * keeps the loop alive; with none, the process may end.
 */
'use strict';

const native = require('../native.cjs');
const { AbortError, RequestError, raise } = require('./errors.cjs');

/** How many calls are settled before the loop may do other work. */
const BATCH = 256;
/** How many entries a finished call has in a batch (native.d.cts, `Finished`). */
const WIDTH = 5;
/** The longest interval that Node's timers know, in milliseconds. */
const FOREVER = 0x7fffffff;

const pending = new Map();
/** The tickets that a signal aborts: one listener serves all of a signal's calls, so Node warns of no leak. */
const watched = new WeakMap();
let inbox;
let heartbeat;
let ticket = 0;

/** Starts `call`: an object with `connection`, `signal`, `arrive(status, head, body, failure)` and `resolve(value)`. */
function start(call, operation, args, body, mediaType, options, files) {
  const { signal } = call;
  const { session } = call.connection;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new RequestError('`signal` must be an AbortSignal');
  if (signal?.aborted) {
    call.resolve(raise(() => new AbortError(signal.reason)));
    return;
  }
  if (inbox === undefined) {
    inbox = new native.Inbox(drain);
    heartbeat = setInterval(() => {}, FOREVER);
  }
  do ticket = (ticket + 1) >>> 0;
  while (pending.has(ticket));
  if (pending.size === 0) heartbeat.ref();
  pending.set(ticket, call);
  call.connection.enter();
  if (signal) watch(signal, ticket);
  session.start(inbox, ticket, operation, args, body, mediaType, options, files);
}

function drain() {
  const batch = inbox.drain(BATCH);
  for (let at = 0; at < batch.length; at += WIDTH) {
    // One that was aborted in the meantime is not there any more.
    const call = take(batch[at]);
    if (call?.signal) unwatch(call.signal, batch[at]);
    call?.arrive(batch[at + 1], batch[at + 2], batch[at + 3], batch[at + 4]);
  }
}

function take(id) {
  const call = pending.get(id);
  if (call === undefined) return undefined;
  pending.delete(id);
  if (pending.size === 0) heartbeat.unref();
  call.connection.leave();
  return call;
}

function watch(signal, id) {
  const known = watched.get(signal);
  if (known !== undefined) {
    known.tickets.add(id);
    return;
  }
  const tickets = new Set([id]);
  const onAbort = () => {
    watched.delete(signal);
    for (const aborted of tickets) {
      inbox.abort(aborted);
      take(aborted).resolve(raise(() => new AbortError(signal.reason)));
    }
  };
  watched.set(signal, { tickets, onAbort });
  signal.addEventListener('abort', onAbort, { once: true });
}

function unwatch(signal, id) {
  const { tickets, onAbort } = watched.get(signal);
  tickets.delete(id);
  if (tickets.size === 0) {
    watched.delete(signal);
    signal.removeEventListener('abort', onAbort);
  }
}

module.exports = { start };
