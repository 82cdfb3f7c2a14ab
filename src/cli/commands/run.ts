import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import type { CliContext } from '../cli-context.js';
import { isWorkflowRef, readRequest, type RequestChanges, requestOf } from '../workflow-file.js';
import { showStarted } from '../show-started.js';
import type { RunAction } from '../run-action.js';

interface Options extends RequestChanges {
  ref?: true;
  at?: string;
  watch?: true;
  idempotencyKey?: string;
}

const addTag = (tag: string, tags: string[] = []): string[] => [...tags, tag];

export function addRun(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('run')
    .summary('start the workflow of a file, or a saved workflow')
    .description(
      'Starts the workflow of a file: the body of POST /api/executions, or the workflow alone ({ nodes, edges }). ' +
        'Also starts a saved workflow by its name, such as compare@production, if there is no file with that name. ' +
        'With --watch, shows its output, thinking, tool calls and cost until it ends; the exit code is 0 when it completed, ' +
        '1 when it failed and 3 when it was cancelled.',
    )
    .argument(
      '<file>',
      'a JSON file, - for stdin, or a saved workflow; examples/compare.json is part of the package',
    )
    .option('--ref', 'it is a saved workflow, also if there is a file with that name')
    .option('-i, --input <value>', 'the input: JSON, a text, @file, or - for stdin')
    .option('-p, --project <id>', 'the project; by default that of the file, else default')
    .option('-t, --tag <tag>', 'a tag; may be repeated', addTag)
    .option('--at <time>', 'when it may begin, in ISO 8601; by default immediately')
    .option('-w, --watch', 'watch the execution until it ends')
    .option('--idempotency-key <key>', 'a repeated command with the same key starts nothing')
    .action(
      run(async (file: string, options: Options) => {
        const client = context.client();
        const byRef = options.ref ?? (await isWorkflowRef(file));
        const given = await (byRef ? requestOf : readRequest)(file, options, context);
        const request = options.at === undefined ? given : { ...given, startAt: options.at };
        // The client does not repeat a request by itself, but a key makes a repetition by a proxy harmless.
        const execution = await client.executions.start(request, {
          idempotencyKey: options.idempotencyKey ?? randomUUID(),
        });
        return showStarted(context, client, execution, options);
      }),
    );
}
