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

function parseOrText(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
