import type { ExecutionStatus } from '@cloutagent/contract';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { rowOf } from '../format.js';
import { limitOf } from '../limit-of.js';
import type { RunAction } from '../run-action.js';
import { printable, table } from '../terminal.js';

interface Options {
  project?: string;
  status?: string;
  tag?: string;
  parent?: string;
  root?: string;
  rerunOf?: string;
  workflow?: string;
  createdAfter?: string;
  createdBefore?: string;
  children?: true;
  limit: number;
  cursor?: string;
}

const HEADER = ['ID', 'STATUS', 'PROJECT', 'CREATED (UTC)', 'TIME', 'TOKENS', 'NODES', 'INPUT'];

export function addList(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('list')
    .summary('list executions, newest first')
    .option('-p, --project <id>', 'only executions of this project')
    .option('-s, --status <statuses>', 'only these statuses, comma-separated, for example running,waiting')
    .option('-t, --tag <tag>', 'only executions with this tag')
    .option('--parent <id>', 'only the child executions of this execution')
    .option('--root <id>', 'only the executions below this one, at any depth')
    .option('--rerun-of <id>', 'only the re-runs of this execution')
    .option('--workflow <ref>', 'only executions of this saved workflow: its name, or name@3')
    .option('--created-after <time>', 'only executions created at this time or later, in ISO 8601')
    .option('--created-before <time>', 'only executions created before this time, in ISO 8601')
    .option('--children', 'child executions as well; by default a list shows none')
    .option('-n, --limit <number>', 'how many, up to 100', limitOf, 20)
    .option('--cursor <cursor>', 'continue after an earlier list')
    .action(
      run(async ({ project, status, tag, parent, root, children, limit, cursor, ...more }: Options) => {
        const page = await context.client().executions.list({
          projectId: project,
          status: status?.split(',') as ExecutionStatus[] | undefined,
          tag,
          parentId: parent,
          rootId: root,
          rerunOf: more.rerunOf,
          workflow: more.workflow,
          createdAfter: more.createdAfter,
          createdBefore: more.createdBefore,
          children,
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
