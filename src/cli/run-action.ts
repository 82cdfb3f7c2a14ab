import type { ExitCode } from './exit-codes.js';

/**
 * Makes the action of a command from a function that returns the exit code; undefined means that the process must keep
 * running.
 */
export type RunAction = <Args extends unknown[]>(
  work: (...args: Args) => Promise<ExitCode | undefined>,
) => (...args: Args) => Promise<void>;
