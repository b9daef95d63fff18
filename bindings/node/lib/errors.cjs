/**
 * What can go wrong, as classes. The core reports failures as data; they become errors here, in JavaScript, so that
 * they carry the caller's stack.
 */
'use strict';

const { inspect } = require('node:util');

/** Anything that bitting throws. */
class BittingError extends Error {
  constructor(message, options) {
    super(message, options);
    // Once for all subclasses: the class says what the error is called.
    Object.defineProperty(this, 'name', { value: this.constructor.name, configurable: true, writable: true });
  }

  /** As any error, and whatever the options are: headers and unread bodies are shown to who asks for them by name. */
  [inspect.custom](_, options) {
    return inspect(this, { ...options, customInspect: false, getters: false });
  }
}

/** The client was configured wrongly. */
class ConfigError extends BittingError {}

/** A call was stated wrongly and never sent. */
class RequestError extends BittingError {}

/** The caller's signal ended the call. */
class AbortError extends BittingError {
  constructor(cause) {
    super('the call was aborted by its signal', { cause });
    this.code = 'ABORT_ERR';
  }
}

/** No credential fits the operation. */
class CredentialsError extends BittingError {}

/** A token could not be had or renewed. */
class TokenRefreshError extends CredentialsError {}

/** The server could not be reached, or the connection broke. */
class APIConnectionError extends BittingError {}

/** The time for the call was up. */
class APITimeoutError extends APIConnectionError {}

/** The server's answer is not what its document promises. */
class APIResponseValidationError extends BittingError {}

/** The server answered with an error. */
class APIStatusError extends BittingError {}

/** 400. */
class BadRequestError extends APIStatusError {}

/** 401: the credential is missing, malformed, expired or revoked. */
class AuthenticationError extends APIStatusError {}

/** 403: the credential is good, but not for this. */
class PermissionDeniedError extends APIStatusError {}

/** 404. */
class NotFoundError extends APIStatusError {}

/** 409. */
class ConflictError extends APIStatusError {}

/** 422: the server understood the input and refuses it. */
class UnprocessableEntityError extends APIStatusError {}

/** 429: too many requests, and waiting was not worth it or not allowed. */
class RateLimitError extends APIStatusError {}

/** 500 and above. */
class InternalServerError extends APIStatusError {}

const BY_KIND = {
  config: ConfigError,
  credentials: CredentialsError,
  token: TokenRefreshError,
  request: RequestError,
  connection: APIConnectionError,
  timeout: APITimeoutError,
  rate_limited: RateLimitError,
  decode: APIResponseValidationError,
};

const BY_STATUS = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  422: UnprocessableEntityError,
  429: RateLimitError,
};

function classOf(failure) {
  if (failure.kind !== 'api') return BY_KIND[failure.kind] ?? BittingError;
  return BY_STATUS[failure.status] ?? (failure.status >= 500 ? InternalServerError : APIStatusError);
}

/** The error for a failure of the core; `response` is the server's answer, if one came. */
function errorOf(failure, response) {
  const error = new (classOf(failure))(failure.message);
  if (failure.method) {
    const { method, path } = failure;
    Object.assign(error, { method, path, retriesTaken: Math.max(failure.attempts - 1, 0) });
  }
  if (failure.status || error instanceof APIStatusError) answered(error, failure, response);
  if (failure.retryAfter != null) error.retryAfter = failure.retryAfter;
  if (error instanceof RateLimitError) {
    Object.assign(error, limitOf(failure.rateLimit ?? {}));
  }
  return error;
}

/** A rate limit of the core's. */
function limitOf({ limit, remaining, resetAt }) {
  return { limit: limit ?? undefined, remaining: remaining ?? undefined, resetAt: resetAt == null ? undefined : new Date(resetAt) };
}

/** Puts on the error what the server answered. A call that an earlier refusal held back has no answer, yet a status. */
function answered(error, failure, response) {
  error.status = failure.status ?? 429;
  error.code = failure.code ?? undefined;
  error.requestId = failure.requestId ?? undefined;
  // Answers set cookies, and one that is not what it should be may be a token: there for who asks, and in no log.
  Object.defineProperty(error, 'headers', { get: () => response.headers, configurable: true });
  if (error instanceof APIStatusError) error.body = response.value();
  else Object.defineProperty(error, 'body', { get: () => response.value(), configurable: true });
}

/**
 * A promise that rejects with the error that `make` makes, with the stack of whoever awaits it.
 *
 * V8 follows promises back from a running async function. What is resolved with this promise is linked to it one tick
 * later, so the error is made in the second.
 */
async function raise(make) {
  await undefined;
  await undefined;
  const error = make();
  Error.captureStackTrace(error, raise);
  throw error;
}

module.exports = {
  BittingError,
  ConfigError,
  RequestError,
  AbortError,
  CredentialsError,
  TokenRefreshError,
  APIConnectionError,
  APITimeoutError,
  APIResponseValidationError,
  APIStatusError,
  BadRequestError,
  AuthenticationError,
  PermissionDeniedError,
  NotFoundError,
  ConflictError,
  UnprocessableEntityError,
  RateLimitError,
  InternalServerError,
  errorOf,
  limitOf,
  raise,
};
