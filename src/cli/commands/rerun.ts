import type { Json, RerunExecutionInput } from '@cloutagent/contract';
import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import type { CliContext } from '../cli-context.js';
import { readValue } from '../read-value.js';
import type { RunAction } from '../run-action.js';
import { showStarted } from '../show-started.js';
import { readRequest } from '../workflow-file.js';

interface Options {
  from?: string;
  input?: string;
  workflow?: string;
  watch?: true;
  idempotencyKey?: string;
}

export function addRerun(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('rerun')
    .summary('run an ended execution again, keeping its completed steps')
    .description(
      'Starts a new execution that keeps the completed steps of an ended one, at no cost. It begins at the nodes that ' +
        'failed or were cut off, or at those of --from. Prints the id of the new execution.',
    )
    .argument('<id>', 'the id of the execution')
    .option('-f, --from <nodes>', 'begin at these nodes, comma-separated; `failed` is the default')
    .option('-i, --input <value>', 'replaces the input: JSON, a text, @file, or - for stdin')
    .option('--workflow <file>', 'replaces the workflow')
    .option('-w, --watch', 'watch the new execution until it ends')
    .option('--idempotency-key <key>', 'a repeated command with the same key starts nothing')
    .action(
      run(async (id: string, options: Options) => {
        const client = context.client();
        const execution = await client.executions.rerun(id, await requestOf(options, context), {
          idempotencyKey: options.idempotencyKey ?? randomUUID(),
        });
        return showStarted(context, client, execution, options);
      }),
    );
}

async function requestOf(
  { from, input, workflow }: Options,
  context: CliContext,
): Promise<RerunExecutionInput> {
  return {
    ...(from !== undefined && { from: from === 'failed' ? from : from.split(',') }),
    ...(input !== undefined && { input: (await readValue('--input', input, context)) as Json }),
    ...(workflow !== undefined && { workflow: (await readRequest(workflow, {}, context)).workflow }),
  };
}
