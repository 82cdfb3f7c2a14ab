import type { Wait, WaitKind } from '@cloutagent/contract';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { waitText } from '../format.js';
import { limitOf } from '../limit-of.js';
import type { RunAction } from '../run-action.js';
import { printable, table } from '../terminal.js';

interface Options {
  project?: string;
  kind?: string;
  assignee?: string;
  execution?: string;
  limit: number;
  cursor?: string;
}

const HEADER = ['WAIT', 'KIND', 'EXECUTION', 'NODE', 'SINCE (UTC)', 'UNTIL (UTC)', 'FOR'];

export function addWaits(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('waits')
    .summary('list what executions wait for')
    .description(
      'Lists the open waits of your projects: approvals, signals, tool calls and failures that a person decides. ' +
        'Answer one with `cloutagent answer <wait>`.',
    )
    .option('-p, --project <id>', 'only waits of this project')
    .option('-k, --kind <kinds>', 'only these kinds, comma-separated, for example timer,children')
    .option('-a, --assignee <principal>', 'only waits that this principal may answer')
    .option('-e, --execution <id>', 'only waits of this execution')
    .option('-n, --limit <number>', 'how many, up to 100', limitOf, 20)
    .option('--cursor <cursor>', 'continue after an earlier list')
    .action(
      run(async ({ project, kind, assignee, execution, limit, cursor }: Options) => {
        const page = await context.client().waits.list({
          projectId: project,
          kind: kind?.split(',') as WaitKind[] | undefined,
          assignee,
          executionId: execution,
          limit,
          cursor,
        });
        if (context.json) context.printJson(page);
        else {
          const [header, ...rows] = table(HEADER, page.waits.map(rowOf));
          context.out.line(context.out.style('bold', header!));
          for (const row of rows) context.out.line(row);
          if (page.nextCursor !== null)
            context.err.line(`More: cloutagent waits --cursor ${page.nextCursor}`);
        }
        return EXIT.ok;
      }),
    );
}

const rowOf = (wait: Wait): string[] =>
  [
    wait.waitId,
    wait.kind,
    wait.executionId,
    wait.nodeId,
    minute(wait.since),
    wait.until === undefined ? '' : minute(wait.until),
    waitText(wait).slice(0, 60),
  ].map((text) => printable(text).replaceAll('\n', ' '));

const minute = (time: string): string => time.slice(0, 16).replace('T', ' ');
