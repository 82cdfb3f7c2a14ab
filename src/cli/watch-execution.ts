import type { Execution, ExecutionEvent } from '@cloutagent/contract';
import type { CloutAgent } from '@cloutagent/client';
import type { CliContext } from './cli-context.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { LiveView } from './live-view.js';

const EXIT_OF: Partial<Record<ExecutionEvent['type'] | Execution['status'], ExitCode>> = {
  'execution:completed': EXIT.ok,
  'execution:failed': EXIT.failed,
  'execution:cancelled': EXIT.cancelled,
  completed: EXIT.ok,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
};

/**
 * Shows an execution until it ends, over lost connections and restarts of the server. Ctrl-C stops watching, and the
 * execution continues.
 * @param after sequence after which it begins; 0 for the first event
 * @returns the exit code by the outcome
 */
export async function watchExecution(
  context: CliContext,
  client: CloutAgent,
  executionId: string,
  after = 0,
): Promise<ExitCode> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  const view = new LiveView(context);
  let exitCode: ExitCode | undefined;
  try {
    const stream = client.executions.stream(executionId, {
      lastEventId: after,
      signal: interrupt.signal,
      onState: (state) => {
        if (state.status === 'waiting')
          context.err.line(
            `${state.reason.replace(/\.?$/, '.')} Connecting again in ${(state.delayMs / 1_000).toFixed(1)} s.`,
          );
      },
    });
    for await (const event of stream) {
      if (context.json) context.printJson(event, false);
      else view.show(event);
      exitCode = EXIT_OF[event.type] ?? exitCode;
    }
  } finally {
    process.off('SIGINT', onInterrupt);
  }
  if (interrupt.signal.aborted) {
    context.err.line(
      `\nThe execution continues. Watch it again with: cloutagent watch ${executionId}\nCancel it with: cloutagent cancel ${executionId}`,
    );
    return EXIT.interrupted;
  }
  // After the last event there is nothing to stream: the execution itself has its outcome.
  return exitCode ?? EXIT_OF[(await client.executions.get(executionId)).status] ?? EXIT.ok;
}
