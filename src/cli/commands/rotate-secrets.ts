import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';

/** Adds `rotate` to the command `secrets`. */
export function addRotateSecrets(secrets: Command, context: CliContext, run: RunAction): void {
  secrets
    .command('rotate')
    .summary('encrypt all stored secrets by the first key of SECRETS_KEY')
    .description(
      'Works on the database itself, with the settings DATABASE_URL and SECRETS_KEY of the servers. SECRETS_KEY must have the ' +
        'new key first, and the old keys after it. Servers may run meanwhile. An interrupted rotation continues when it is called again.',
    )
    .action(
      run(async () => {
        const result = await rotate(context);
        const { keyId, reencrypted, unchanged, failed } = result;
        if (context.json) context.printJson(result);
        else
          context.out.line(
            `${reencrypted} values were encrypted again, and ${unchanged} had the key ${keyId} before. ` +
              (failed.length === 0
                ? 'All have it now: you can remove the other keys from SECRETS_KEY.'
                : 'Keep the other keys in SECRETS_KEY.'),
          );
        if (failed.length > 0)
          throw new CliError(
            failed
              .map(
                ({ count, reason }) =>
                  `${count} values cannot be decrypted, and stay as they are: ${reason}.`,
              )
              .join(' ') + ' Add the old key to SECRETS_KEY, after the new one, or set these secrets again.',
            EXIT.failed,
          );
        return EXIT.ok;
      }),
    );
}

async function rotate({ streams }: CliContext) {
  const [
    { InvalidSettingsError, parseSettings },
    { Database, DatabaseError },
    { CipherError, SecretCipher },
    rotation,
  ] = await Promise.all([
    import('../../config/settings.js'),
    import('../../database/database.js'),
    import('../../secrets/secret-cipher.js'),
    import('../../secrets/secret-rotation.js'),
  ]);
  try {
    const settings = parseSettings(streams.environment);
    for (const name of ['DATABASE_URL', 'SECRETS_KEY'] as const)
      if (settings[name] === undefined)
        throw new CliError(`Set ${name} as the servers have it: this command works on the database itself.`);
    const database = await Database.connect(settings);
    try {
      return await rotation.rotateSecrets(database, new SecretCipher(settings));
    } finally {
      await database.onApplicationShutdown();
    }
  } catch (error) {
    if (error instanceof InvalidSettingsError) throw new CliError(error.message);
    if (error instanceof DatabaseError) throw new CliError(`${error.message}.`, EXIT.server);
    if (error instanceof CipherError)
      throw new CliError(
        `A value cannot be decrypted: ${error.message}. Keep the old keys in SECRETS_KEY, after the new one.`,
        EXIT.failed,
      );
    throw error;
  }
}
