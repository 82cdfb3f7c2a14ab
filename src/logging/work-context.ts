import { AsyncLocalStorage } from 'node:async_hooks';

/** The context of a piece of work. It applies to all code that the work calls, also asynchronously. */
export interface WorkContext {
  /** Members that are added to every line that the work logs. */
  readonly members: Readonly<Record<string, string>>;
  /** Called with an error or a rejection of the work that nothing handles. */
  onStray(this: void, error: unknown): void;
}

const storage = new AsyncLocalStorage<WorkContext | undefined>();

/** Runs `work`, and everything that it starts, in a context. */
export const inContext = <T>(context: WorkContext, work: () => T): T => storage.run(context, work);

/**
 * Runs `work` outside of any context. Used for work that serves many callers at once, such as a flush of the journal, which
 * would otherwise run in the context of the caller that happened to start it.
 */
export const detached = <T>(work: () => T): T =>
  storage.getStore() === undefined ? work() : storage.run(undefined, work);

/** Returns the context of the calling code. */
export const currentContext = (): WorkContext | undefined => storage.getStore();
