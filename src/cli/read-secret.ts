import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { CliContext } from './cli-context.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

/**
 * Reads a secret: from a terminal without showing it, otherwise all of stdin without the line break at its end. It is never an
 * argument, because other users of the machine can read arguments, and shells keep them.
 * @throws CliError if it is empty, or if the prompt was interrupted
 */
export async function readSecret(prompt: string, context: CliContext): Promise<string> {
  const { stdin } = context.streams;
  const isTerminal = (stdin as { isTTY?: boolean }).isTTY === true;
  const value = isTerminal ? await ask(prompt, context) : (await text(stdin)).replace(/\r?\n$/, '');
  if (value === '') throw new CliError('The value is empty. Type it at the prompt, or send it to stdin.');
  return value;
}

async function ask(prompt: string, { err, streams }: CliContext): Promise<string> {
  err.write(prompt);
  // readline writes what is typed to this stream, so nothing appears on the terminal.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: streams.stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      const stop = () => reject(new CliError('No value was given.', EXIT.interrupted));
      lines.once('SIGINT', stop).once('close', stop);
    });
  } finally {
    lines.close();
    err.line();
  }
}
