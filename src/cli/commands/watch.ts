import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../cli-context.js';
import { watchExecution } from '../watch-execution.js';
import type { RunAction } from '../run-action.js';

export function addWatch(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('watch')
    .summary('watch an execution until it ends')
    .description(
      'Shows the events of an execution from the first one until it ends. With --json, one event a line.',
    )
    .argument('<id>', 'the id of the execution')
    .option('--after <sequence>', 'show only events after this sequence', sequence, 0)
    .action(
      run((id: string, { after }: { after: number }) => watchExecution(context, context.client(), id, after)),
    );
}

function sequence(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Use 0, 1, 2 …');
  return value;
}
