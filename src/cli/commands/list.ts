import type { ExecutionStatus } from '@cloutagent/contract';
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { rowOf } from '../format.js';
import type { RunAction } from '../run-action.js';
import { printable, table } from '../terminal.js';

interface Options {
  project?: string;
  status?: string;
  tag?: string;
  limit: number;
  cursor?: string;
}

const HEADER = ['ID', 'STATUS', 'PROJECT', 'CREATED (UTC)', 'TIME', 'TOKENS', 'NODES', 'INPUT'];

export function addList(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('list')
    .summary('list executions, newest first')
    .option('-p, --project <id>', 'only executions of this project')
    .option('-s, --status <statuses>', 'only these statuses, comma-separated, for example running,paused')
    .option('-t, --tag <tag>', 'only executions with this tag')
    .option('-n, --limit <number>', 'how many, up to 100', limitOf, 20)
    .option('--cursor <cursor>', 'continue after an earlier list')
    .action(
      run(async ({ project, status, tag, limit, cursor }: Options) => {
        const page = await context.client().executions.list({
          projectId: project,
          status: status?.split(',') as ExecutionStatus[] | undefined,
          tag,
          limit,
          cursor,
        });
        if (context.json) context.printJson(page);
        else {
          const [header, ...rows] = table(
            HEADER,
            page.executions.map((execution) => rowOf(execution).map(printable)),
          );
          context.out.line(context.out.style('bold', header!));
          for (const row of rows) context.out.line(row);
          if (page.nextCursor !== null) context.err.line(`More: cloutagent list --cursor ${page.nextCursor}`);
        }
        return EXIT.ok;
      }),
    );
}

function limitOf(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 100)
    throw new InvalidArgumentError('Use a number from 1 to 100.');
  return value;
}
