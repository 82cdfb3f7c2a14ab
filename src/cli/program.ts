import { CloutAgentError } from '@cloutagent/client';
import { Command, CommanderError } from 'commander';
import { readFileSync } from 'node:fs';
import { addAnswer } from './commands/answer.js';
import { addBatch } from './commands/batch.js';
import { addApprove, addControl } from './commands/control.js';
import { addDoctor } from './commands/doctor.js';
import { addExecutions } from './commands/executions.js';
import { addJournal } from './commands/journal.js';
import { addKeys } from './commands/keys.js';
import { addList } from './commands/list.js';
import { addMe } from './commands/me.js';
import { addOperations } from './commands/operations.js';
import { addRerun } from './commands/rerun.js';
import { addRun } from './commands/run.js';
import { addSchedules } from './commands/schedules.js';
import { addServe } from './commands/serve.js';
import { addShow } from './commands/show.js';
import { addSignal } from './commands/signal.js';
import { addStats } from './commands/stats.js';
import { addTriggers } from './commands/triggers.js';
import { addValidate } from './commands/validate.js';
import { addSecrets, addVariables } from './commands/values.js';
import { addWaits } from './commands/waits.js';
import { addWatch } from './commands/watch.js';
import { addWebhooks } from './commands/webhooks.js';
import { addWorkflows } from './commands/workflows.js';
import { CliContext, type CliStreams } from './cli-context.js';
import { CliError } from './cli-error.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { RunAction } from './run-action.js';
import { printable } from './terminal.js';

/**
 * Runs the `cloutagent` command.
 * @param args without the program's name
 * @returns the exit code; undefined if the process must keep running, as for `serve`
 */
export async function cloutagent(
  args: readonly string[],
  streams: CliStreams,
): Promise<ExitCode | undefined> {
  const context = new CliContext(streams);
  let exitCode: ExitCode | undefined = EXIT.ok;
  const run: RunAction =
    (work) =>
    async (...given) => {
      exitCode = await work(...given);
    };
  const program = new Command('cloutagent')
    .description('Runs AI-agent workflows and shows what they do, live.')
    .version(version())
    .option('-u, --url <url>', 'the server; by default CLOUTAGENT_URL, else http://127.0.0.1:3000')
    .option('--json', 'print JSON, for programs')
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .showSuggestionAfterError()
    .showHelpAfterError('(cloutagent help shows all commands)')
    .addHelpText(
      'after',
      '\nThe credential, an API key or a JWT, comes from the variable CLOUTAGENT_API_KEY.\n' +
        'Exit codes: 0 done or completed, 1 failed, 2 wrong arguments, 3 cancelled, 4 refused or not reachable, 130 interrupted.',
    )
    .exitOverride()
    .hook('preAction', (_program, command) => {
      const { url, json } = command.optsWithGlobals<{ url?: string; json?: true }>();
      context.url = url;
      context.json = json === true;
    });
  for (const add of [
    addServe,
    addRun,
    addWatch,
    addList,
    addShow,
    addControl,
    addApprove,
    addWaits,
    addAnswer,
    addSignal,
    addRerun,
    addExecutions,
    addBatch,
    addOperations,
    addStats,
    addWorkflows,
    addSecrets,
    addVariables,
    addWebhooks,
    addSchedules,
    addTriggers,
    addKeys,
    addJournal,
    addMe,
    addValidate,
    addDoctor,
  ])
    add(program, context, run);
  acceptGlobalOptionsEverywhere(program);
  try {
    await program.parseAsync(withNestedHelp(args), { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, context);
  }
}

/** Makes `help webhooks set` show the help of `webhooks set`: by itself, the parser shows that of `webhooks`. */
function withNestedHelp(args: readonly string[]): string[] {
  const [first, ...names] = args;
  return first === 'help' && names.length > 1 ? [...names, '--help'] : [...args];
}

/** Lets the options of the program follow the command as well: `cloutagent list --json`. */
function acceptGlobalOptionsEverywhere(program: Command): void {
  const add = (command: Command): void => {
    command.option('-u, --url <url>', 'the server').option('--json', 'print JSON, for programs');
    // Commands inherit neither of these from the program.
    command.exitOverride().copyInheritedSettings(program);
    for (const child of command.commands) add(child);
  };
  for (const command of program.commands) add(command);
}

function report(error: unknown, context: CliContext): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const exitCode = error instanceof CliError ? error.exitCode : EXIT.server;
  if (!(error instanceof CliError) && !(error instanceof CloutAgentError)) throw error;
  if (context.json)
    context.err.line(
      JSON.stringify(
        error instanceof CloutAgentError
          ? {
              error: {
                code: error.code,
                message: error.message,
                status: error.status,
                problem: error.problem,
              },
            }
          : { error: { code: 'usage', message: error.message } },
      ),
    );
  else context.err.line(context.err.style('red', printable(explain(error, context))));
  return exitCode;
}

function explain(error: CliError | CloutAgentError, { baseUrl }: CliContext): string {
  if (error instanceof CliError) return error.message;
  if (error.code === 'network')
    return `The server at ${baseUrl} cannot be reached (${error.message}). Start one with \`cloutagent serve\`, or name another with --url or CLOUTAGENT_URL.`;
  const paths = (error.problem?.errors ?? []).map(
    ({ path, message }) => `\n  ${path ? `${path}: ` : ''}${message}`,
  );
  return `${error.message}${paths.join('')}`;
}

/** Reads the version of the package. */
function version(): string {
  for (const path of ['../../package.json', '../../../package.json'])
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string })
        .version;
    } catch {
      // The repository and the package have different folders.
    }
  return 'unknown';
}
