/** A server behind a proxy, and the saved workflow whose answer is watched. */
export interface Site {
  /** Of the proxy. */
  readonly origin: string;
  readonly key: string;
  readonly projectId: string;
  /** The name of the workflow. */
  readonly workflow: string;
}

/** What a client has when its stream has ended. */
interface Answer {
  readonly text: string;
  /** Why the client does not take the text for the whole answer. Undefined if it does. */
  readonly problem?: string | undefined;
}

/** A client that watches an answer. */
export interface Watch {
  /** Resolves with the first text. */
  readonly begun: Promise<void>;
  /** Resolves when the stream has ended. It is never rejected. */
  readonly ended: Promise<Answer>;
  /** Continues after the end of the stream, in the way of the protocol. Returns the text of the whole answer. */
  resume(): Promise<string>;
}

/** A client of a protocol. */
export interface ProtocolClient {
  readonly name: string;
  /** Whether it sees a cut that looks like the end of the response: then the server does not refuse HTTP/1.0. */
  readonly seesCuts?: boolean;
  /** Whether a client that leaves cancels its execution. */
  readonly cancelsByLeaving?: boolean;
  /** Starts an execution of the workflow and watches its answer. */
  watch(site: Site): Watch;
}

/**
 * Makes a watch.
 * @param read reads the stream until its end, and calls `onText` with each part of the text; returns the text that it has; it
 * throws an error if the text is not whole
 */
export function watch(
  read: (onText: (text: string) => void) => Promise<string>,
  resume: () => Promise<string>,
): Watch {
  const begun = Promise.withResolvers<void>();
  let received = '';
  const onText = (text: string) => {
    received += text;
    begun.resolve();
  };
  const ended = read(onText).then(
    (text): Answer => ({ text }),
    (error: unknown): Answer => ({ text: received, problem: describe(error) }),
  );
  // A stream that ends without text fails the check of its end, and must not stop the others.
  void ended.then(() => begun.resolve());
  return { begun: begun.promise, ended, resume };
}

/** Returns the message of an error with those of its causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause === undefined ? message : `${message} (${describe(cause)})`;
}

export const bearer = (key: string): { authorization: string } => ({ authorization: `Bearer ${key}` });
export const QUESTION = 'Tell me the story.';
