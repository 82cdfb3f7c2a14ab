import type { PutScheduleInput, Schedule } from '@cloutagent/contract';
import { type Command, Option } from 'commander';
import { randomUUID } from 'node:crypto';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import { addNamedResources, inProject, minute, type ProjectOptions } from '../named-resources.js';
import { readValue } from '../read-value.js';
import type { RunAction } from '../run-action.js';
import { showStarted } from '../show-started.js';

interface SetOptions extends ProjectOptions {
  workflow: string;
  cron: string;
  input?: string;
  timeZone?: string;
  overlap?: Schedule['overlap'];
  catchUp?: Schedule['catchUp'];
  disabled?: true;
}

export function addSchedules(program: Command, context: CliContext, run: RunAction): void {
  const group = addNamedResources<Schedule>(program, context, run, {
    name: 'schedules',
    one: 'schedule',
    summary: 'schedules: saved workflows that start at times',
    columns: {
      NAME: ({ name }) => name,
      STATE: ({ enabled }) => (enabled ? 'enabled' : 'disabled'),
      CRON: ({ cron }) => cron,
      ZONE: ({ timeZone }) => timeZone,
      WORKFLOW: ({ workflowRef }) => workflowRef,
      'NEXT (UTC)': ({ nextAt }) => minute(nextAt),
      'LAST (UTC)': ({ lastAt }) => minute(lastAt),
      ERROR: ({ lastError }) => lastError,
    },
    list: ({ schedules }, project) => schedules.list(project),
    get: ({ schedules }, project, name) => schedules.get(project, name),
    remove: ({ schedules }, project, name) => schedules.delete(project, name),
  });
  inProject(
    group
      .command('set')
      .summary('make a schedule, or replace it')
      .argument('<name>', 'its name')
      .requiredOption('--workflow <ref>', 'the saved workflow, such as report@production')
      .requiredOption('--cron <expression>', 'minute, hour, day of the month, month, day of the week'),
  )
    .option('-i, --input <value>', 'the input: JSON, a text, @file, or - for stdin')
    .option('-z, --time-zone <zone>', 'a time zone such as Europe/Berlin; by default UTC')
    .addOption(
      new Option('--overlap <action>', 'at a due time while an earlier execution is open').choices([
        'skip',
        'enqueue',
        'cancel-running',
      ]),
    )
    .addOption(
      new Option('--catch-up <times>', 'due times to make up for after an outage').choices([
        'none',
        'one',
        'all',
      ]),
    )
    .option('--disabled', 'start nothing until it is set without --disabled')
    .action(
      run(async (name: string, options: SetOptions) => {
        const { project, workflow, cron, input, timeZone, overlap, catchUp, disabled } = options;
        const body: PutScheduleInput = {
          workflowRef: workflow,
          cron,
          enabled: disabled !== true,
          ...(input !== undefined && { input: await readValue('--input', input, context) }),
          ...(timeZone !== undefined && { timeZone }),
          ...(overlap && { overlap }),
          ...(catchUp && { catchUp }),
        };
        const schedule = await context.admin().schedules.set(project, name, body);
        if (context.json) context.printJson(schedule);
        else
          context.out.line(
            schedule.nextAt === null
              ? `The schedule ${name} is disabled.`
              : `The schedule ${name} starts next at ${schedule.nextAt}.`,
          );
        return EXIT.ok;
      }),
    );
  inProject(
    group.command('run').summary('start an execution of a schedule now').argument('<name>', 'its name'),
  )
    .option('-w, --watch', 'watch the execution until it ends')
    .option('--idempotency-key <key>', 'a repeated command with the same key starts nothing')
    .action(
      run(async (name: string, options: ProjectOptions & { watch?: true; idempotencyKey?: string }) => {
        const { project, idempotencyKey = randomUUID() } = options;
        const execution = await context.admin().schedules.run(project, name, { idempotencyKey });
        return showStarted(context, context.client(), execution, options);
      }),
    );
}
