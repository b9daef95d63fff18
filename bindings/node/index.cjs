/** The runtime of clients that bitting generates. */
'use strict';

const { AuthResource, BaseClient, Resource } = require('./lib/client.cjs');
const {
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
} = require('./lib/errors.cjs');
const { PagePromise } = require('./lib/pages.cjs');
const { APIPromise } = require('./lib/promise.cjs');
const { APIResponse } = require('./lib/response.cjs');

module.exports = {
  AuthResource,
  BaseClient,
  Resource,
  APIPromise,
  PagePromise,
  APIResponse,
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
};
