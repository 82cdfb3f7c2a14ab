import type { Execution } from '@cloutagent/contract';
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { durationText, incompleteText, joined, statusText, usageText, waitText } from '../format.js';
import type { RunAction } from '../run-action.js';
import { printable, table } from '../terminal.js';

export function addShow(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('show')
    .summary('show an execution with its steps')
    .argument('<id>', 'the id of the execution')
    .action(
      run(async (id: string) => {
        const execution = await context.client().executions.get(id);
        if (context.json) context.printJson(execution);
        else show(context, execution);
        return EXIT.ok;
      }),
    );
}

function show({ out }: CliContext, execution: Execution): void {
  const { id, projectId, status, createdAt, tags, steps, error, output, waits = [] } = execution;
  const { parent, rerunOf } = execution;
  out.line(joined(out.style('bold', id), statusText(out, status), durationText(execution.duration)));
  out.line(
    joined(
      `project ${projectId}`,
      `created ${createdAt}`,
      usageText(execution),
      tags.map(printable).join(', '),
    ),
  );
  if (parent) out.line(`child of ${parent.executionId}, node ${parent.nodeId}, index ${parent.index}`);
  if (rerunOf !== undefined) out.line(`re-run of ${rerunOf}`);
  if (steps.length > 0) out.line();
  const rows = steps.map((step) => [
    step.nodeId,
    step.nodeType,
    step.status,
    String(step.attempt),
    durationText(step.duration),
    printable(joined(step.error ?? '', incompleteText(step))).replaceAll('\n', ' '),
  ]);
  if (rows.length > 0)
    for (const row of table(['NODE', 'TYPE', 'STATUS', 'ATTEMPT', 'TIME', 'NOTE'], rows)) out.line(row);
  if (waits.length > 0) {
    const open = waits.map((wait) => [
      wait.waitId,
      wait.kind,
      wait.nodeId,
      wait.until ?? '',
      printable(waitText(wait)).replaceAll('\n', ' '),
    ]);
    out.line();
    for (const row of table(['WAIT', 'KIND', 'NODE', 'UNTIL', 'FOR'], open)) out.line(row);
  }
  if (error) out.line(`\n${out.style('red', printable(`${error.message} (${error.code})`))}`);
  if (output !== undefined)
    out.line(`\n${printable(typeof output === 'string' ? output : JSON.stringify(output, undefined, 2))}`);
}
