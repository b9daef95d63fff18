/** The conformance suite and the reference server in tests: runs of `bitting check`, processes of `bitting serve`. */

import type { RequestListener, Server } from 'node:http';

/** Who the suite can be, in one role. */
export interface Principal {
  /** The organization that it belongs to. */
  organization?: string;
  /** Values of path parameters that lead to what it may reach. */
  parameters?: Readonly<Record<string, string>>;
  /** Its secrets, by security scheme. */
  secrets?: Readonly<Record<string, string>>;
  /** Its name and password, for the login that the document describes. */
  login?: { username: string; password: string };
  /** Its OAuth client. */
  client?: { id: string; secret: string };
}

/** The roles that a principal can have. */
export type Role = 'valid' | 'read-only' | 'other-organization' | 'other-environment' | 'expired' | 'revoked';

/** What a run is told. */
export interface CheckOptions {
  /** The path of the OpenAPI document. */
  document: string;
  /** The app's base URL; without it the built-in reference server is checked. */
  url?: string;
  /** The app itself, instead of its URL: it listens on 127.0.0.1 for as long as the run takes, if it does not already. */
  app?: Server | RequestListener;
  /** Who the suite can be. */
  credentials?: { readonly [role in Role]?: Principal };
  /** The path of a settings file (`bitting init` writes one), or its members. */
  settings?: string | Readonly<Record<string, unknown>>;
  /** Checks or families; all of them by default. */
  only?: readonly string[];
  /** Operation ids; all of them by default. */
  operations?: readonly string[];
  /** Checks or families that have to run wherever they apply. */
  require?: readonly string[];
  /** More arguments of `bitting check`. */
  arguments?: readonly string[];
  /** The command; `BITTING_BIN` or `bitting` by default. */
  command?: string;
  /** Ends the run early. */
  signal?: AbortSignal;
}

/** One thing that is wrong; no secret is in it. */
export interface Finding {
  /** The same in every run. */
  readonly id: string;
  readonly check: string;
  readonly severity: 'error' | 'note';
  readonly rule: string;
  /** Where the rule stands: an RFC with its section, an OWASP item. */
  readonly source: string;
  /** The operation's id. */
  readonly operation: string;
  /** Method and path. */
  readonly place: string;
  readonly file: string;
  readonly line: number | null;
  readonly expected: string;
  readonly got: { readonly summary: string; readonly status: number | null; readonly headers: readonly [string, string][]; readonly body: string };
  /** A command for a shell that shows it. */
  readonly curl: string;
  /** The words of the command that makes the same cases again. */
  readonly replay: readonly string[];
  /** Other operations where the same is wrong. */
  readonly also_on: readonly string[];
  /** Checks that fail on these operations for the same reason. */
  readonly explains: readonly string[];
  /** It stands in the baseline. */
  readonly accepted: boolean;
}

/** What came of one check on one operation. */
export type Verdict = { readonly check: string; readonly operation: string; readonly place: string } & (
  | { readonly outcome: 'pass'; readonly cases: number }
  | ({ readonly outcome: 'fail' } & Finding)
  | { readonly outcome: 'skip'; readonly reason: string }
);

/** Checks an app against its document. Rejects with a `CheckError` where no run could be made. */
export function check(options: CheckOptions): Promise<CheckResult>;

/** A run that could not be made: what is wrong, and what to do. It says nothing about the app. */
export class CheckError extends Error {}

/** The result of a run. */
export class CheckResult {
  private constructor();
  /** Those of one cause as one. */
  readonly findings: readonly Finding[];
  readonly verdicts: readonly Verdict[];
  /** 0 without findings, 1 with, 4 when something that was required could not be told. */
  readonly exitCode: number;
  readonly requests: number;
  readonly seconds: number;
  readonly seed: number;
  /** The findings and the result as a terminal shows them. */
  readonly text: string;
  /** What could not be told. */
  readonly skipped: readonly Verdict[];
  /** Throws an `AssertionError` that tells every finding, unless the run is a success. */
  confirm(): void;
  /** Makes one test of each check and operation, inside a test of `node:test`. */
  asTests(test: { test(name: string, options: { skip?: string | boolean }, body: () => void): Promise<void> }): Promise<void>;
}

/** What a server is started with. */
export interface ReferenceServerOptions {
  /** The path of the OpenAPI document. */
  document: string;
  /** What the seeded world grows from; 0 by default. */
  seed?: number;
  /** More arguments of `bitting serve`. */
  arguments?: readonly string[];
  /** The command; `BITTING_BIN` or `bitting` by default. */
  command?: string;
}

/** One request and its answer, as the journal keeps it. */
export interface JournalEntry {
  sequence: number;
  at: string;
  method: string;
  target: string;
  operation?: string;
  status: number;
  reason?: string;
  credential?: string;
}

/** A world that ends with its block; what changes in it is put back. */
export interface World extends AsyncDisposable {
  restore(): Promise<void>;
}

/** Starts the reference server of a document. */
export function startReferenceServer(options: ReferenceServerOptions): Promise<ReferenceServer>;

/** A running reference server; `await using` or `close()` ends it. */
export class ReferenceServer implements AsyncDisposable {
  private constructor();
  readonly baseURL: string;
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  credentials(): Promise<unknown>;
  mintKey(user: string, wanted?: Record<string, unknown>): Promise<string>;
  mintToken(user: string, wanted?: Record<string, unknown>): Promise<string>;
  advance(seconds: number): Promise<void>;
  fault(effect: { kind: string; [part: string]: unknown }, plan?: Record<string, unknown>): Promise<void>;
  defects(...active: string[]): Promise<void>;
  journal(): Promise<JournalEntry[]>;
  world(): Promise<World>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
