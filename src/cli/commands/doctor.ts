import type { Command } from 'commander';
import type { CliContext } from '../cli-context.js';
import { type CheckResult, failed, ok } from '../doctor/check-result.js';
import { EXIT } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';
import { printable } from '../terminal.js';

const MARKS = { ok: ['green', '✔'], warning: ['yellow', '!'], failed: ['red', '✖'] } as const;

export function addDoctor(program: Command, context: CliContext, run: RunAction): void {
  program
    .command('doctor')
    .summary('check what a server needs: versions, settings, database, port, credential')
    .description(
      'Checks the settings of this environment and of the file .env as `serve` would use them. It changes nothing in the database.',
    )
    .action(
      run(async () => {
        const results = await check(context);
        if (context.json) context.printJson({ checks: results });
        else
          for (const { check: name, status, detail } of results) {
            const [colour, mark] = MARKS[status];
            context.out.line(`${context.out.style(colour, mark)} ${name.padEnd(11)} ${printable(detail)}`);
          }
        return results.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.ok;
      }),
    );
}

async function check(context: CliContext): Promise<CheckResult[]> {
  const [
    { checkNode },
    { checkDatabase },
    { checkPacking },
    { checkPort },
    { checkServer },
    { InvalidSettingsError, parseSettings },
  ] = await Promise.all([
    import('../doctor/check-node.js'),
    import('../doctor/check-database.js'),
    import('../doctor/check-packing.js'),
    import('../doctor/check-port.js'),
    import('../doctor/check-server.js'),
    import('../../config/settings.js'),
  ]);
  const results = [checkNode()];
  try {
    process.loadEnvFile();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') results.push(failed('Settings', `the file .env cannot be read: ${message}`));
  }
  try {
    const settings = parseSettings(context.streams.environment);
    results.push(ok('Settings', 'all settings are valid'), await checkDatabase(settings));
    const packing = await checkPacking(settings);
    if (packing) results.push(packing);
    results.push(await checkPort(settings));
  } catch (error) {
    if (!(error instanceof InvalidSettingsError)) throw error;
    results.push(failed('Settings', error.message));
  }
  results.push(await checkServer(context));
  return results;
}
