/** The options of a client and of a call: checked, and written as the core reads them. Times are milliseconds here. */
'use strict';

const { ConfigError, RequestError } = require('./errors.cjs');

/** What says who calls: JavaScript's names and the core's. */
const CREDENTIALS = {
  apiKey: 'api_key',
  apiKeys: 'api_keys',
  token: 'token',
  username: 'username',
  password: 'password',
  clientId: 'client_id',
  clientSecret: 'client_secret',
  scopes: 'scopes',
  profile: 'profile',
};
/** What a client has besides: it belongs to its connection. */
const CONNECTION = {
  ...CREDENTIALS,
  baseURL: 'base_url',
  allowInsecureHTTP: 'allow_insecure_http',
  environment: 'environment',
};
/** How a client tells what it does: of its connection too, and none of the core's business. */
const LOG = ['logLevel', 'logger'];
const OF_CLIENT = [...Object.keys(CONNECTION), 'credentials', ...LOG, 'timeout', 'deadline', 'maxRetries', 'defaultHeaders'];
const OF_CALL = ['signal', 'timeout', 'deadline', 'maxRetries', 'headers', 'query', 'idempotencyKey'];

/** Whether a client needs a connection of its own for this option. */
function isOfConnection(name) {
  return name in CONNECTION || name === 'credentials' || LOG.includes(name);
}

/** Refuses a name that nobody reads, since it is most often another one misspelled. */
function known(options, names, what, Kind) {
  if (options === null || typeof options !== 'object') {
    throw new Kind(`${what} must be an object, not ${options === null ? 'null' : typeof options}`);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new Kind(`'${name}' is none of ${what}: ${names.join(', ') || 'there are none'}`);
  }
}

/** The options of a client, checked. */
function checked(options) {
  known(options, OF_CLIENT, "the client's options", ConfigError);
  const { credentials } = options;
  if (credentials === undefined) return options;
  if (typeof credentials !== 'function') throw new ConfigError(`\`credentials\` must be a function, not ${typeof credentials}`);
  const other = Object.keys(CREDENTIALS).find((name) => options[name] !== undefined);
  if (other !== undefined) throw new ConfigError(`\`credentials\` and \`${other}\` are two ways to be let in; give one`);
  return options;
}

/** What of a client's options belongs to its connection, as members of the core's configuration. */
function connection(options) {
  const members = Object.entries(CONNECTION).filter(([name]) => options[name] !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [member, options[name]]));
}

/** What of a client's options holds for each of its calls; `before` is what another client asked for already. */
function ofClient(options, before) {
  return merged(before, options, options.defaultHeaders, ConfigError);
}

/** The options of a call as JSON, after what its client asks of all calls; `undefined` if nobody asks anything. */
function ofCall(options, before) {
  if (options === undefined) return before && JSON.stringify(before);
  known(options, OF_CALL, "the call's options", RequestError);
  const { idempotencyKey, query } = options;
  const all = merged(before, options, options.headers, RequestError);
  return JSON.stringify({ ...all, idempotency_key: idempotencyKey, query: query && pairs(query, String) });
}

function merged(before, options, headers, Kind) {
  const lower = (name) => String(name).toLowerCase();
  return {
    timeout: seconds('timeout', options.timeout, Kind) ?? before?.timeout,
    deadline: seconds('deadline', options.deadline, Kind) ?? before?.deadline,
    max_retries: retries(options.maxRetries, Kind) ?? before?.max_retries,
    headers: headers ? { ...before?.headers, ...pairs(headers, lower) } : before?.headers,
  };
}

function seconds(name, value, Kind) {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value / 1000;
  throw new Kind(`\`${name}\` is ${String(value)}; give a number of milliseconds above 0`);
}

function retries(value, Kind) {
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return value;
  throw new Kind(`\`maxRetries\` is ${String(value)}; give a whole number, 0 for none`);
}

/** An object, a `Headers`, a `Map` or a list of pairs as an object of strings. */
function pairs(given, nameOf) {
  const list = typeof given[Symbol.iterator] === 'function' ? [...given] : Object.entries(given);
  const set = list.filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(set.map(([name, value]) => [nameOf(name), String(value)]));
}

module.exports = { CREDENTIALS, checked, connection, isOfConnection, known, ofCall, ofClient };
