import type { BatchResult, StartBatchInput } from '@cloutagent/contract';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { CliError } from '../cli-error.js';
import { EXIT } from '../exit-codes.js';
import { printTable } from '../named-resources.js';
import type { RunAction } from '../run-action.js';
import { readJsonFile } from '../workflow-file.js';

const COLUMNS = {
  INDEX: ({ index }: BatchResult) => index,
  STATUS: ({ status }: BatchResult) => status,
  EXECUTION: ({ execution, replayed }: BatchResult) =>
    execution ? `${execution.id}${replayed ? ' (started before)' : ''}` : null,
  PROBLEM: ({ problem }: BatchResult) =>
    problem
      ? [problem.detail, ...(problem.errors ?? []).map(({ path, message }) => `${path}: ${message}`)].join(
          ' ',
        )
      : null,
};

export function addBatch(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('batch')
    .summary('start many executions with one request')
    .description(
      'Starts up to 1,000 executions and prints a line for each. One that cannot start does not stop the others; the exit ' +
        'code is then 1. An item with an idempotencyKey is started once, also if the command is repeated.',
    )
    .argument('<file>', 'a JSON file: { "executions": [ … ] }, or the list alone; - for stdin')
    .action(
      run(async (path: string) => {
        const answer = await context.client().executions.startBatch(await readBatch(path, context));
        if (context.json) context.printJson(answer);
        else printTable(context, COLUMNS, answer.results);
        return answer.failed > 0 ? EXIT.failed : EXIT.ok;
      }),
    );
}

/** @throws CliError if the file has no list. The server checks each item. */
async function readBatch(path: string, context: CliContext): Promise<StartBatchInput> {
  const given = await readJsonFile(path, context);
  const body = Array.isArray(given) ? { executions: given as unknown[] } : given;
  if (typeof body === 'object' && body !== null && 'executions' in body && Array.isArray(body.executions))
    return body as StartBatchInput;
  throw new CliError(
    `${path} must hold { "executions": [ … ] } or the list alone. Each item is a body of POST /api/executions.`,
  );
}
