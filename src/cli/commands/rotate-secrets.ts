import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import type { CliContext } from '../cli-context.js';
import { EXIT } from '../exit-codes.js';
import type { RunAction } from '../run-action.js';
import { withDatabase } from '../with-database.js';

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
  const [{ CipherError, SecretCipher }, { rotateSecrets }] = await Promise.all([
    import('../../secrets/secret-cipher.js'),
    import('../../secrets/secret-rotation.js'),
  ]);
  try {
    return await withDatabase(streams, ['DATABASE_URL', 'SECRETS_KEY'], (database, settings) =>
      rotateSecrets(database, new SecretCipher(settings)),
    );
  } catch (error) {
    if (error instanceof CipherError)
      throw new CliError(
        `A value cannot be decrypted: ${error.message}. Keep the old keys in SECRETS_KEY, after the new one.`,
        EXIT.failed,
      );
    throw error;
  }
}
