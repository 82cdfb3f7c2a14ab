import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import type { CliContext } from '../cli-context.js';
import { readRequest, type RequestChanges } from '../workflow-file.js';
import { showStarted } from '../show-started.js';
import type { RunAction } from '../run-action.js';

interface Options extends RequestChanges {
  watch?: true;
  idempotencyKey?: string;
}

export function addRun(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('run')
    .summary('start a workflow')
    .description(
      'Starts the workflow of a file: the body of POST /api/executions, or the workflow alone ({ nodes, edges }). ' +
        'With --watch, shows its output, thinking, tool calls and cost until it ends; the exit code is 0 when it completed, ' +
        '1 when it failed and 3 when it was cancelled.',
    )
    .argument('<file>', 'a JSON file; - for stdin; examples/compare.json is part of the package')
    .option('-i, --input <value>', 'the input: JSON, a text, @file, or - for stdin')
    .option('-p, --project <id>', 'the project; by default that of the file, else default')
    .option('-t, --tag <tag>', 'a tag; may be repeated', (tag: string, tags: string[]) => [...tags, tag], [])
    .option('-w, --watch', 'watch the execution until it ends')
    .option('--idempotency-key <key>', 'a repeated command with the same key starts nothing')
    .action(
      run(async (file: string, options: Options) => {
        const client = context.client();
        const request = await readRequest(file, options, context);
        // The client does not repeat a request by itself, but a key makes a repetition by a proxy harmless.
        const execution = await client.executions.start(request, {
          idempotencyKey: options.idempotencyKey ?? randomUUID(),
        });
        return showStarted(context, client, execution, options);
      }),
    );
}
