/** The reference server in tests: a process of `bitting serve`, and one world per test. */

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
