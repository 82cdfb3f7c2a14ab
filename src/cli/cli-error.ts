import { EXIT, type ExitCode } from './exit-codes.js';

/** The command cannot do what it was asked to do. The message says what to do instead. */
export class CliError extends Error {
  override readonly name = 'CliError';

  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.usage,
  ) {
    super(message);
  }
}
