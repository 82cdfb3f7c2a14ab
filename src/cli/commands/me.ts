import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { showItem } from '../named-resources.js';
import type { RunAction } from '../run-action.js';

export function addMe(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('me')
    .summary('show the name of the credential, its projects and its scopes')
    .action(
      run(async () => {
        showItem(context, await context.client().me());
        return EXIT.ok;
      }),
    );
}
