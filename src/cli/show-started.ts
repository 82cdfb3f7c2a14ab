import type { CloutAgent, Execution } from '@cloutagent/client';
import type { CliContext } from './cli-context.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { watchExecution } from './watch-execution.js';

/**
 * Prints the id of an execution that a command has started, or watches it until it ends.
 * @returns the exit code of the command
 */
export async function showStarted(
  context: CliContext,
  client: CloutAgent,
  execution: Execution,
  { watch = false }: { watch?: boolean },
): Promise<ExitCode> {
  if (watch) {
    if (!context.json) context.err.line(`Execution ${execution.id}`);
    return watchExecution(context, client, execution.id);
  }
  if (context.json) context.printJson(execution);
  else context.out.line(execution.id);
  return EXIT.ok;
}
