import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';
import { withDatabase } from '../with-database.js';

/** Adds the command `journal`. */
export function addJournal(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('journal')
    .description('works on the stored events')
    .command('unpack')
    .summary('turn all packed events into whole rows again')
    .description(
      'Needed before a release that knows no packed events or short rows. Works on the database itself, with the setting DATABASE_URL of the servers. ' +
        'Servers that run meanwhile must have JOURNAL_PACK_EVENTS_PER_SECOND=0, or they pack and shorten the events again. ' +
        'An interrupted call continues when it is called again.',
    )
    .action(
      run(async () => {
        const { unpackAll } = await import('../../journal/unpack-events.js');
        const { DamagedSegmentError } = await import('../../journal/segment.js');
        const unpacked = await withDatabase(context.streams, ['DATABASE_URL'], unpackAll).catch(
          (error: unknown) => {
            if (error instanceof DamagedSegmentError) throw new CliError(`${error.message}.`, EXIT.failed);
            throw error;
          },
        );
        if (context.json) context.printJson({ unpacked });
        else context.out.line(`The events of ${unpacked} executions are rows again.`);
        return EXIT.ok;
      }),
    );
}
