import { StartExecution, type StartExecutionInput } from '@cloutagent/contract';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { check } from '../problems/schema-problems.js';
import type { CliContext } from './cli-context.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { readValue } from './read-value.js';

/** What the options of a command change in the request of a file. */
export interface RequestChanges {
  /** JSON, `@file`, or `-` for stdin; a text that is not JSON is the input itself. */
  input?: string | undefined;
  project?: string | undefined;
  tag?: readonly string[] | undefined;
}

/** The examples of the package. In the repository they are in the same place. */
const EXAMPLES = ['../../examples', '../../../examples'].map((path) => join(import.meta.dirname, path));

/**
 * Reads a workflow from a file: the body of `POST /api/executions`, or the workflow alone (`{ nodes, edges }`).
 * `examples/<name>.json` means the package's own example if the working directory has no such file.
 * @throws CliError if the file cannot be read, or is neither
 */
export async function readRequest(
  path: string,
  changes: RequestChanges,
  context: CliContext,
): Promise<StartExecutionInput> {
  if (path === '-' && changes.input === '-')
    throw new CliError('Stdin holds the workflow or the input, not both: give the other one as a file.');
  const given = parse(await readSource(path, context), path);
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new CliError(
      `${path} must hold a JSON object: { "projectId", "workflow", "input" } or { "nodes", "edges" }.`,
    );
  const body = 'workflow' in given ? given : { workflow: given };
  const { input, project, tag = [] } = changes;
  const request = {
    projectId: 'default',
    ...body,
    ...(input !== undefined && { input: await readValue('--input', input, context) }),
    ...(project !== undefined && { projectId: project }),
    ...(tag.length > 0 && { tags: tag }),
  };
  const { problems } = check(StartExecution, request);
  if (problems) {
    const lines = problems.map(({ path: at, message }) => `  ${at.join('.') || '(all)'}: ${message}`);
    throw new CliError(`${path} is not a valid workflow:\n${lines.join('\n')}`, EXIT.failed);
  }
  // The server adds the defaults, so it gets the request as it was written.
  return request as StartExecutionInput;
}

async function readSource(path: string, context: CliContext): Promise<string> {
  if (path === '-') return text(context.streams.stdin);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) === 'examples')
      for (const folder of EXAMPLES) {
        const example = await readFile(join(folder, basename(path)), 'utf8').catch(() => undefined);
        if (example === undefined) continue;
        context.err.line(`This folder has no ${path}: using the package's own example.`);
        return example;
      }
    throw new CliError(`${path} cannot be read (${message}).`);
  }
}

function parse(content: string, path: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new CliError(`${path} is not JSON: ${(error as Error).message}.`);
  }
}
