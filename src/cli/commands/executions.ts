import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';

export function addExecutions(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('executions')
    .summary('delete ended executions')
    .command('delete')
    .summary('delete an ended execution with those below it, for good')
    .argument('<id>', 'the id of the execution')
    .action(
      run(async (id: string) => {
        const deleted = await context.client().executions.delete(id);
        if (context.json) context.printJson(deleted);
        else {
          context.out.line(`Deleted executions: ${deleted.deleted}`);
          for (const rerun of deleted.reruns)
            context.err.line(`${rerun} is a re-run of it, and holds copies of its outputs.`);
        }
        return EXIT.ok;
      }),
    );
}
