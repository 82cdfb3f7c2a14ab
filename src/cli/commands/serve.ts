import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import type { RunAction } from '../run-action.js';

export function addServe(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('serve')
    .summary('start a server')
    .description(
      'Starts a server with the settings of the environment and of the file .env in the working directory. Without ' +
        'DATABASE_URL it starts an embedded PostgreSQL. It prints its first key when it has none yet.',
    )
    .option('--port <port>', 'overrides PORT')
    .option('--host <address>', 'overrides HOST')
    .action(
      run(async ({ port, host }: { port?: string; host?: string }) => {
        const { runServer } = await import('../../run-server.js');
        const { environment } = context.streams;
        // The environment itself is passed on, because `runServer` reads .env only for the environment of the process.
        if (port !== undefined) environment['PORT'] = port;
        if (host !== undefined) environment['HOST'] = host;
        await runServer(environment, []);
        return undefined;
      }),
    );
}
