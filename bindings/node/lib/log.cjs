/** What a client tells of its calls: method, path template, status, requests, waits. No argument, header or body. */
'use strict';

const { ConfigError } = require('./errors.cjs');

const LEVELS = ['debug', 'info', 'warn', 'error', 'off'];

/**
 * What logs a call that has ended, or nothing where nobody wants to know. The level is the client's `logLevel`, else that
 * of the variable `<PREFIX>_LOG`; the lines go to the client's `logger`, else to standard error.
 */
function logOf({ logLevel, logger }, variable) {
  const level = (logLevel ?? variable ?? 'off').toLowerCase().replace('warning', 'warn');
  if (!LEVELS.includes(level)) {
    if (logLevel !== undefined) throw new ConfigError(`\`logLevel\` is '${logLevel}'; give one of: ${LEVELS.join(', ')}`);
    process.emitWarning(`the variable for the log level is '${variable}'; give one of: ${LEVELS.join(', ')}`, 'BittingWarning');
    return undefined;
  }
  if (LEVELS.indexOf(level) > LEVELS.indexOf('info')) return undefined;
  const tell = logger === undefined ? console.error.bind(console) : logger.info.bind(logger);
  return (place, response, failure) => tell(`bitting: ${line(place, response, failure)}`);
}

function line({ method, path }, response, failure) {
  if (failure !== undefined) {
    const { attempts, message } = JSON.parse(failure);
    return `${message} (${attempts} requests)`;
  }
  const waited = response.waited >= 100 ? `, waited ${response.waited} ms` : '';
  return `${method} ${path} answered ${response.status} after ${response.attempts} requests${waited}`;
}

module.exports = { logOf };
