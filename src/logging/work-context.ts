import { AsyncLocalStorage } from 'node:async_hooks';

/** For whom code runs: known to everything that it calls, also later. */
export interface WorkContext {
  /** Members of every line that it logs. */
  readonly members: Readonly<Record<string, string>>;
  /** Called with an error that its code threw, or rejected with, where nothing handles it. */
  onStray(this: void, error: unknown): void;
}

const storage = new AsyncLocalStorage<WorkContext | undefined>();

/** Runs `work`, and all that it starts, in a context. */
export const inContext = <T>(context: WorkContext, work: () => T): T => storage.run(context, work);

/**
 * Runs `work` outside of every context. For what serves many at once, such as a flush of the journal: it would otherwise
 * keep the context of whoever happened to set it going.
 */
export const detached = <T>(work: () => T): T =>
  storage.getStore() === undefined ? work() : storage.run(undefined, work);

/** The context of the code that asks. */
export const currentContext = (): WorkContext | undefined => storage.getStore();
