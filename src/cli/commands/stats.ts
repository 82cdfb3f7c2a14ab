import type { ProjectStats } from '@cloutagent/contract';
import type { StatsQuery } from '@cloutagent/client/admin';
import { type Command, Option } from 'commander';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { costText, durationText } from '../format.js';
import { inProject, minute, printTable, type ProjectOptions } from '../named-resources.js';
import type { RunAction } from '../run-action.js';

type Row = ProjectStats['total'] & { at: string };

const COLUMNS = {
  'FROM (UTC)': ({ at }: Row) => at,
  EXECUTIONS: ({ executions }: Row) => Object.values(executions).reduce((sum, count) => sum + count, 0),
  COMPLETED: ({ executions }: Row) => executions.completed ?? 0,
  FAILED: ({ executions }: Row) => executions.failed ?? 0,
  CANCELLED: ({ executions }: Row) => executions.cancelled ?? 0,
  MEDIAN: ({ durationMs }: Row) => durationText(durationMs.p50 ?? undefined),
  P95: ({ durationMs }: Row) => durationText(durationMs.p95 ?? undefined),
  TOKENS: ({ tokens }: Row) => tokens.input + tokens.output,
  COST: ({ costUSD }: Row) => costText(costUSD),
};

type Model = [name: string, used: ProjectStats['total']['models'][string]];

const MODEL_COLUMNS = {
  MODEL: ([name]: Model) => name,
  'INPUT TOKENS': ([, { input }]: Model) => input,
  'OUTPUT TOKENS': ([, { output }]: Model) => output,
  COST: ([, { costUSD }]: Model) => costText(costUSD),
};

export function addStats(program: Command, context: CliContext, run: RunAction): void {
  inProject(
    program
      .command('stats')
      .summary('show the figures of a project: executions, durations, tokens and cost')
      .description(
        'Shows the figures of a project for each interval that has executions, then in total, then by model. By default ' +
          'the range ends now and has 24 hours, or 30 days with --interval day.',
      ),
  )
    .option('--from <time>', 'executions created at this time or later, in ISO 8601')
    .option('--to <time>', 'executions created before this time; by default now')
    .addOption(new Option('--interval <interval>', 'in UTC; by default hour').choices(['hour', 'day']))
    .action(
      run(async ({ project, from, to, interval }: ProjectOptions & StatsQuery) => {
        const stats = await context.admin().stats(project, { from, to, interval });
        if (context.json) context.printJson(stats);
        else {
          const buckets = stats.buckets.map((bucket) => ({ ...bucket, at: minute(bucket.at)! }));
          printTable<Row>(context, COLUMNS, [...buckets, { ...stats.total, at: 'total' }]);
          const models = Object.entries(stats.total.models);
          if (models.length > 0) {
            context.out.line();
            printTable<Model>(context, MODEL_COLUMNS, models);
          }
        }
        return EXIT.ok;
      }),
    );
}
