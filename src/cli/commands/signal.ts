import type { Json } from '@cloutagent/contract';
import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { readValue } from '../read-value.js';
import type { RunAction } from '../run-action.js';

export function addSignal(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('signal')
    .summary('send a signal to an execution')
    .description(
      'Sends a signal. It ends the oldest open wait for a signal of this name; until there is one, the server keeps it.',
    )
    .argument('<id>', 'the id of the execution')
    .argument('<name>', 'the name of the signal')
    .argument('[body]', 'JSON, a text, @file, or - for stdin; by default null')
    .option('--idempotency-key <key>', 'a repeated command with the same key sends nothing')
    .action(
      run(
        async (
          id: string,
          name: string,
          body: string | undefined,
          { idempotencyKey = randomUUID() }: { idempotencyKey?: string },
        ) => {
          const value = body === undefined ? null : ((await readValue('body', body, context)) as Json);
          const sent = await context.client().executions.signal(id, name, value, { idempotencyKey });
          if (context.json) context.printJson(sent);
          else context.out.line('sent');
          return EXIT.ok;
        },
      ),
    );
}
