/** The native module. It moves bytes and numbers; promises and errors are made in lib/. */

/** One finished call: ticket, status, head, body, and the JSON of a failure if it is one. */
export type Finished = [number, number, string, string | Uint8Array, string | undefined];

/** Where the calls of one environment end. */
export class Inbox {
  /** `wake` is called on the event loop when there is something to drain. */
  constructor(wake: () => void);
  /** Up to `max` finished calls, flat: each takes the five entries of `Finished`. */
  drain(max: number): Array<Finished[number]>;
  /** Stops a call; nothing more is heard of it. */
  abort(ticket: number): void;
}

/** A client of one API. */
export class Session {
  private constructor();
  /** Starts a call, whose end comes to `inbox` under `ticket`. */
  start(
    inbox: Inbox,
    ticket: number,
    operation: number,
    args?: string | null,
    body?: string | Uint8Array | null,
    mediaType?: string | null,
    options?: string | null,
  ): void;
  /**
   * The arguments of the page after the one that `args` asked for and `answer` is, if there is one; and the JSON of the
   * failure to find them.
   */
  nextPage(operation: number, args: string, answer: string | Uint8Array): [next: string | null, failure: string | null];
  /** What the last answer that spoke of a rate limit said, as JSON. */
  rateLimit(): string | null;
  /** What `<PREFIX>_LOG` asks for. */
  logLevel(): string | null;
  /** A JSON list of the credentials. */
  explain(): string;
  /** What is worth knowing about the configuration. */
  warnings(): string[];
  /** Lets go of connections, thread and credentials at once. */
  close(): void;
}

/** A client, or the JSON of the failure to make one. */
export function open(config: string): Session | string;
