import type { ExecutionStatus, Operation, StartOperationInput } from '@cloutagent/contract';
import type { CloutAgentAdmin } from '@cloutagent/client/admin';
import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CliContext } from '../cli-context.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { limitOf } from '../limit-of.js';
import { minute, printTable, showItem } from '../named-resources.js';
import type { RunAction } from '../run-action.js';

const POLL_INTERVAL_MS = 1_000;

const COLUMNS = {
  OPERATION: ({ id }: Operation) => id,
  ACTION: ({ action }: Operation) => action,
  STATUS: ({ status }: Operation) => status,
  PROJECT: ({ filter }: Operation) => filter.projectId,
  TOTAL: ({ total }: Operation) => total,
  SUCCEEDED: ({ succeeded }: Operation) => succeeded,
  FAILED: ({ failed }: Operation) => failed,
  'CREATED (UTC)': ({ createdAt }: Operation) => minute(createdAt),
  BY: ({ createdBy }: Operation) => createdBy,
};

const FAILURE_COLUMNS = {
  EXECUTION: ({ executionId }: Operation['failures'][number]) => executionId,
  CODE: ({ code }: Operation['failures'][number]) => code,
  MESSAGE: ({ message }: Operation['failures'][number]) => message,
};

export function addOperations(program: Command, context: CliContext, run: RunAction): void {
  const group = program.command('operations').summary('cancel many executions, or run many again');
  addStart(group, context, run, 'cancel').option('-r, --reason <text>', 'why; it is recorded');
  addStart(group, context, run, 'rerun');
  group
    .command('list')
    .summary('list operations, newest first')
    .option('-p, --project <id>', 'only operations of this project')
    .option('-n, --limit <number>', 'how many, up to 100', limitOf, 20)
    .option('--cursor <cursor>', 'continue after an earlier list')
    .action(
      run(async ({ project, limit, cursor }: { project?: string; limit: number; cursor?: string }) => {
        const page = await context.admin().operations.list({ projectId: project, limit, cursor });
        if (context.json) context.printJson(page);
        else {
          printTable(context, COLUMNS, page.operations);
          if (page.nextCursor !== null) context.err.line(`More: --cursor ${page.nextCursor}`);
        }
        return EXIT.ok;
      }),
    );
  group
    .command('show')
    .summary('show an operation: its counts and its first 100 failures')
    .argument('<id>', 'the id of the operation')
    .action(
      run(async (id: string) => {
        showItem(context, await context.admin().operations.get(id));
        return EXIT.ok;
      }),
    );
}

interface StartOptions {
  project: string;
  status?: string;
  tag?: string;
  workflow?: string;
  createdAfter?: string;
  createdBefore?: string;
  reason?: string;
  watch?: true;
  idempotencyKey?: string;
}

const SUMMARIES = {
  cancel: 'cancel the executions that the filters select',
  rerun: 'run the executions that the filters select again, keeping their completed steps',
};

function addStart(
  group: Command,
  context: CliContext,
  run: RunAction,
  action: keyof typeof SUMMARIES,
): Command {
  return group
    .command(action)
    .summary(SUMMARIES[action])
    .description(
      'Acts on the executions that all given filters select, in the background; without filters, on those of the whole ' +
        'project. Child executions follow their roots. Prints the id of the operation.',
    )
    .requiredOption('-p, --project <id>', 'the project')
    .option('-s, --status <statuses>', 'only these statuses, comma-separated, for example running,waiting')
    .option('-t, --tag <tag>', 'only executions with this tag')
    .option('--workflow <ref>', 'only executions of this saved workflow: its name, or name@3')
    .option('--created-after <time>', 'only executions created at this time or later, in ISO 8601')
    .option('--created-before <time>', 'only executions created before this time, in ISO 8601')
    .option('-w, --watch', 'wait until the operation is completed; the exit code is 1 if an execution failed')
    .option('--idempotency-key <key>', 'a repeated command with the same key starts nothing')
    .action(
      run(async (options: StartOptions) => {
        const { operations } = context.admin();
        const { idempotencyKey = randomUUID() } = options;
        const operation = await operations.start(requestOf(action, options), { idempotencyKey });
        if (options.watch) return watch(context, operations, operation);
        if (context.json) context.printJson(operation);
        else context.out.line(operation.id);
        return EXIT.ok;
      }),
    );
}

function requestOf(action: keyof typeof SUMMARIES, options: StartOptions): StartOperationInput {
  const { project, status, tag, workflow, createdAfter, createdBefore, reason } = options;
  return {
    action,
    filter: {
      projectId: project,
      ...(status !== undefined && { status: status.split(',') as ExecutionStatus[] }),
      ...(tag !== undefined && { tag }),
      ...(workflow !== undefined && { workflow }),
      ...(createdAfter !== undefined && { createdAfter }),
      ...(createdBefore !== undefined && { createdBefore }),
    },
    ...(reason !== undefined && { reason }),
  };
}

/** Waits until an operation is completed. Ctrl-C ends the command, and the operation continues. */
async function watch(
  context: CliContext,
  operations: CloutAgentAdmin['operations'],
  started: Operation,
): Promise<ExitCode> {
  if (!context.json) context.err.line(`Operation ${started.id}`);
  let operation = started;
  while (operation.status !== 'completed') {
    await delay(POLL_INTERVAL_MS);
    operation = await operations.get(started.id);
  }
  const { succeeded, failed, failures } = operation;
  if (context.json) context.printJson(operation);
  else {
    context.out.line(`completed: ${succeeded} succeeded, ${failed} failed`);
    if (failures.length > 0) printTable(context, FAILURE_COLUMNS, failures);
  }
  return failed > 0 ? EXIT.failed : EXIT.ok;
}
