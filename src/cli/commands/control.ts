import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { joined, statusText } from '../format.js';
import type { RunAction } from '../run-action.js';

const ACTIONS = {
  pause: 'pause an execution: it starts no further node and emits nothing until it is resumed',
  resume: 'resume a paused execution',
  cancel: 'cancel an execution: running nodes are aborted',
} as const;

export function addControl(program: Command, context: CliContext, run: RunAction): void {
  for (const [action, summary] of Object.entries(ACTIONS) as [keyof typeof ACTIONS, string][])
    program
      .command(action)
      .summary(summary)
      .argument('<id>', 'the id of the execution')
      .option('-r, --reason <text>', 'why; it is recorded')
      .action(
        run(async (id: string, { reason }: { reason?: string }) => {
          const execution = await context
            .client()
            .executions[action](id, reason === undefined ? {} : { reason });
          if (context.json) context.printJson(execution);
          // The process that owns the execution applies the request, so the status may not show it yet.
          else
            context.out.line(
              joined(`${action} requested`, `status ${statusText(context.out, execution.status)}`),
            );
          return EXIT.ok;
        }),
      );
}

interface ApproveOptions {
  node?: string;
  reject?: true;
  comment?: string;
}

export function addApprove(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('approve')
    .summary('answer a node that waits for an approval')
    .argument('<id>', 'the id of the execution')
    .option('-n, --node <id>', 'the node; not needed when exactly one node waits')
    .option('--reject', 'the answer is no')
    .option('-c, --comment <text>', 'a comment; it is recorded')
    .action(
      run(async (id: string, { node, reject, comment }: ApproveOptions) => {
        const execution = await context.client().executions.approve(id, {
          approved: reject !== true,
          ...(node !== undefined && { nodeId: node }),
          ...(comment !== undefined && { comment }),
        });
        if (context.json) context.printJson(execution);
        else
          context.out.line(
            joined(reject ? 'rejected' : 'approved', `status ${statusText(context.out, execution.status)}`),
          );
        return EXIT.ok;
      }),
    );
}
