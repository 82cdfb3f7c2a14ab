import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { CliContext } from './cli-context.js';
import { CliError } from './cli-error.js';

/**
 * Reads a value that an argument gives: JSON, `@file`, or `-` for stdin. A text that is not JSON is the value itself.
 * @param name the argument, for errors
 * @throws CliError if the file cannot be read
 */
export async function readValue(name: string, given: string, context: CliContext): Promise<unknown> {
  if (given === '-') return parseOrText(await text(context.streams.stdin));
  if (!given.startsWith('@')) return parseOrText(given);
  const path = given.slice(1);
  const content = await readFile(path, 'utf8').catch((error: Error) => {
    throw new CliError(`${name} ${given}: ${path} cannot be read (${error.message}).`);
  });
  return parseOrText(content);
}

/**
 * Reads a JSON object, list, number or boolean that an argument gives, as `readValue` does.
 * @throws CliError if the value is a text, which it also is if it is not JSON
 */
export async function readJson(name: string, given: string, context: CliContext): Promise<unknown> {
  const value = await readValue(name, given, context);
  if (typeof value === 'string')
    throw new CliError(
      `${name} must be a JSON object, such as '{"name":"value"}'. Put it into quotes of your shell.`,
    );
  return value;
}

function parseOrText(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
