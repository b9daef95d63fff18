/// <reference lib="esnext.disposable" />

/** Text pairs as an object, a `Headers`, a `Map` or a list of pairs. What is `null` or `undefined` is not sent. */
export type Pairs =
  | Iterable<readonly [string, string]>
  | { readonly [name: string]: string | number | boolean | null | undefined };

/** Bytes of a request, at once or as they come; a `File` and a file's stream bring a name for a form. */
export type Binary = Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array | string>;

/** What a client is made with. Credentials that are given turn those of environment variables off. */
export interface ClientOptions {
  /** An API key. */
  apiKey?: string;
  /** API keys by the names of their security schemes, for an API that asks for two at once. */
  apiKeys?: { readonly [scheme: string]: string };
  /** A bearer token that was obtained elsewhere. */
  token?: string;
  /**
   * Gives a token, or one with its life. It is called when one is needed: at first, ahead of the end of the one before,
   * and when that was refused; once, however many calls wait.
   */
  credentials?: () => string | AccessToken | Promise<string | AccessToken>;
  /** The name or email of a user, for a login. */
  username?: string;
  /** The user's password. */
  password?: string;
  /** The id of an OAuth 2.0 client, for the client credentials grant. */
  clientId?: string;
  /** The OAuth 2.0 client's secret. */
  clientSecret?: string;
  /** The scopes to ask for with the OAuth 2.0 client. */
  scopes?: string[];
  /**
   * The name of a login that `bitting login --profile` keeps; without any credential it is the one that
   * `<PREFIX>_PROFILE` names, else `default`.
   */
  profile?: string;
  /** The server's URL, if it is not the document's first one. */
  baseURL?: string;
  /** Whether credentials may go over plain http to a host that is not loopback. */
  allowInsecureHTTP?: boolean;
  /** What to take for the environment variables. The process's own if not given. */
  environment?: { [name: string]: string };
  /** The limit of one attempt, in milliseconds. */
  timeout?: number;
  /** The limit of a whole call, waits and token renewal included, in milliseconds. */
  deadline?: number;
  /** How often a call is sent again at most. */
  maxRetries?: number;
  /** Headers of every request. */
  defaultHeaders?: Pairs;
  /** What is told: `info` is a line for each call. Without it the variable `<PREFIX>_LOG` counts. */
  logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'off';
  /** Where it is told, `console` for example. Standard error if not given. */
  logger?: { info(line: string): void };
}

/** What `credentials` gives where it knows more than the token. */
export interface AccessToken {
  token: string;
  /** Its life from now on, in milliseconds; without it the token is used until the server refuses it. */
  expiresIn?: number;
  /** Its scopes, if they are known. */
  scopes?: string[];
}

/** What holds for one call alone. */
export interface RequestOptions {
  /** Ends the call: its connection is closed, and the promise rejects with an `AbortError`. */
  signal?: AbortSignal;
  /** The limit of one attempt, in milliseconds. */
  timeout?: number;
  /** The limit of the whole call, waits and token renewal included, in milliseconds. */
  deadline?: number;
  /** How often the call is sent again at most. */
  maxRetries?: number;
  /** Headers of this call. */
  headers?: Pairs;
  /** Query parameters that the operation does not declare. */
  query?: Pairs;
  /** What tells a repeat of this call from another call. */
  idempotencyKey?: string;
}

/** A credential that a client has. */
export interface CredentialReport {
  /** The security scheme that it serves. */
  scheme: string;
  /** Where it came from. */
  source: string;
  /** What tells it from others without showing it. */
  id: string;
  /** When the token that is held now ends; nothing for a key, or while there is no token. */
  expiresAt: Date | undefined;
  /** The scopes of that token, where they are known. */
  scopes: string[];
}

/** What an answer says about a rate limit. */
export interface RateLimit {
  /** Requests per window. */
  limit: number | undefined;
  /** Requests left in this window. */
  remaining: number | undefined;
  /** When the window ends. */
  resetAt: Date | undefined;
}

/** An answer as it came. */
export class APIResponse {
  private constructor();
  /** The status. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The server's id of the request. */
  readonly requestId: string | undefined;
  /** How many requests the call took, those for tokens not counted. */
  readonly attempts: number;
  /** How long the call waited between its requests, in milliseconds. */
  readonly waited: number;
  /** The body as text. */
  text(): Promise<string>;
  /** The body as JSON. */
  json(): Promise<unknown>;
  /** The body as bytes. */
  bytes(): Promise<Uint8Array>;
}

/** The promise of an answer. */
export class APIPromise<T> extends Promise<T> {
  /** The data, and the response that it came in. */
  withResponse(): Promise<{ data: T; response: APIResponse }>;
  /** The response alone; its body need not be what the document promises. */
  asResponse(): Promise<APIResponse>;
}

/** The promise of the first page of a list, and the way to the others. */
export class PagePromise<Page, Item> extends APIPromise<Page> implements AsyncIterable<Item> {
  /** The items of all pages. */
  [Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined>;
  /** The pages one after the other, each asked for when it is wanted. */
  iterPages(): AsyncGenerator<Page, void, undefined>;
}

/** What generated clients know of an operation. */
export interface Operation {
  readonly id: string;
  readonly index: number;
  readonly answer: 'json' | 'text' | 'binary' | 'empty' | 'any';
  readonly params?: { readonly [name: string]: string };
  readonly body?: 'json' | 'form' | 'raw';
  readonly mediaType?: string;
}

/** What every client has. */
export class BaseClient {
  /** `api` is the operation table of the API; generated clients give it. */
  constructor(api: unknown, options?: ClientOptions);
  /**
   * A client like this one with other options. It shares this one's connections and tokens, and is closed with it,
   * unless the options name credentials or an address: then it has its own.
   */
  withOptions(options: ClientOptions): this;
  /**
   * Calls the operation `id` of the document, with its names of the wire. The answer is what it says it is: JSON, text
   * or bytes. The methods of the resources have types; this is for what is only known when the program runs.
   */
  call(
    id: string,
    args?: { readonly [name: string]: unknown },
    options?: RequestOptions & { body?: unknown },
  ): APIPromise<unknown>;
  /** The client's credentials: `client.auth.explain()`. */
  readonly auth: AuthResource;
  /** What the last answer that spoke of a rate limit said. */
  readonly rateLimit: RateLimit | undefined;
  /** Takes no new calls; resolves when those under way have ended. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A group of operations. */
export class Resource {
  constructor(client: BaseClient);
}

/** What stands at `client.auth`; the API's own resource of that name has this besides its own. */
export class AuthResource extends Resource {
  /** Which credential the client uses for each scheme, from where, until when, and for what. No secret. */
  explain(): CredentialReport[];
}

/** Anything that bitting throws. */
export class BittingError extends Error {
  /** The operation's method, where the call came that far. */
  readonly method?: string;
  /** The operation's path template. */
  readonly path?: string;
  /** How often the request was sent again. */
  readonly retriesTaken?: number;
}
/** The client was configured wrongly. */
export class ConfigError extends BittingError {}
/** A call was stated wrongly and never sent. */
export class RequestError extends BittingError {}
/** The caller's signal ended the call; `cause` is the signal's reason. */
export class AbortError extends BittingError {
  readonly code: 'ABORT_ERR';
}
/** No credential fits the operation. */
export class CredentialsError extends BittingError {}
/** A token could not be had or renewed. */
export class TokenRefreshError extends CredentialsError {
  /** The error that the token endpoint names, such as `invalid_grant` (RFC 6749, 5.2). */
  readonly code?: string;
  /** The status of the answer that refused, if one came. */
  readonly status?: number;
  /** Its body. */
  readonly body?: unknown;
  /** How long to wait, in seconds, if the server said so. */
  readonly retryAfter?: number;
}
/** The server could not be reached, or the connection broke. */
export class APIConnectionError extends BittingError {}
/** The time for the call was up. */
export class APITimeoutError extends APIConnectionError {}
/** The server's answer is not what its document promises. */
export class APIResponseValidationError extends BittingError {
  readonly status?: number;
  readonly requestId?: string;
  readonly headers?: Headers;
  readonly body?: unknown;
}
/** The server answered with an error. */
export class APIStatusError extends BittingError {
  /** The status. */
  readonly status: number;
  /** The error code that the body names. */
  readonly code?: string;
  /** The server's id of the request. */
  readonly requestId?: string;
  /** The headers. */
  readonly headers: Headers;
  /** The body: JSON, text or bytes. */
  readonly body: unknown;
}
/** 400. */
export class BadRequestError extends APIStatusError {}
/** 401: the credential is missing, malformed, expired or revoked. */
export class AuthenticationError extends APIStatusError {}
/** 403: the credential is good, but not for this. */
export class PermissionDeniedError extends APIStatusError {}
/** 404. */
export class NotFoundError extends APIStatusError {}
/** 409. */
export class ConflictError extends APIStatusError {}
/** 422: the server understood the input and refuses it. */
export class UnprocessableEntityError extends APIStatusError {}
/** 429: too many requests, and waiting was not worth it or not allowed. */
export class RateLimitError extends APIStatusError {
  /** How long to wait, in seconds. */
  readonly retryAfter?: number;
  /** Requests per window. */
  readonly limit?: number;
  /** Requests left in this window. */
  readonly remaining?: number;
  /** When the window ends. */
  readonly resetAt?: Date;
}
/** 500 and above. */
export class InternalServerError extends APIStatusError {}
