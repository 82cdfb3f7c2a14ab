import { AsyncLocalStorage } from 'node:async_hooks';

/** What a log line names besides its message: for whom the server was at work. */
export interface LogMembers {
  readonly requestId?: string;
  readonly executionId?: string;
  readonly nodeId?: string;
  readonly stepId?: string;
}

const storage = new AsyncLocalStorage<LogMembers>();

/** Runs `work` so that every line that it logs, also later and from code of other teams, has these members. */
export const withLogMembers = <T>(members: LogMembers, work: () => T): T =>
  storage.run({ ...storage.getStore(), ...members }, work);

/** The members of a line that is logged here. */
export const logMembers = (): LogMembers => storage.getStore() ?? {};
