import {
  type Json,
  SaveWorkflow,
  type SaveWorkflowInput,
  StartExecution,
  type StartExecutionInput,
  WorkflowRef,
} from '@cloutagent/contract';
import { access, readFile } from 'node:fs/promises';
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
  const given = await readObject(path, context);
  const body = 'workflow' in given || 'workflowRef' in given ? given : { workflow: given };
  const { input, project, tag = [] } = changes;
  const request = {
    projectId: 'default',
    ...body,
    ...(input !== undefined && { input: await readValue('--input', input, context) }),
    ...(project !== undefined && { projectId: project }),
    ...(tag.length > 0 && { tags: tag }),
  };
  const { problems } = check(StartExecution, request);
  if (problems) throw invalid(path, problems);
  // The server adds the defaults, so it gets the request as it was written.
  return request as StartExecutionInput;
}

/** Returns the request that starts a saved workflow. */
export async function requestOf(
  workflowRef: string,
  { input, project = 'default', tag = [] }: RequestChanges,
  context: CliContext,
): Promise<StartExecutionInput> {
  return {
    projectId: project,
    workflowRef,
    ...(input !== undefined && { input: (await readValue('--input', input, context)) as Json }),
    ...(tag.length > 0 && { tags: [...tag] }),
  };
}

/** Whether an argument names a saved workflow: it can be a reference, and there is no such file. */
export async function isWorkflowRef(given: string): Promise<boolean> {
  if (!WorkflowRef.safeParse(given).success || given.endsWith('.json')) return false;
  return access(given).then(
    () => false,
    () => true,
  );
}

/**
 * Reads what a version of a saved workflow consists of: a workflow alone, or an object with `workflow`, whose other fields
 * may be those of a request or of a saved version.
 * @throws CliError if the file cannot be read, or has no valid workflow
 */
export async function readContent(path: string, context: CliContext): Promise<SaveWorkflowInput> {
  const given = await readObject(path, context);
  const body = 'workflow' in given ? given : { workflow: given };
  const content = Object.fromEntries(
    Object.entries(body).filter(([field]) => field in SaveWorkflow.shape),
  ) as SaveWorkflowInput;
  const { problems } = check(SaveWorkflow, content);
  if (problems) throw invalid(path, problems);
  return content;
}

/** Reads a file of JSON; `-` means stdin. @throws CliError if it cannot be read, or is not JSON */
export async function readJsonFile(path: string, context: CliContext): Promise<unknown> {
  return parse(await readSource(path, context), path);
}

async function readObject(path: string, context: CliContext): Promise<object> {
  const given = await readJsonFile(path, context);
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given;
  throw new CliError(
    `${path} must hold a JSON object: { "projectId", "workflow", "input" } or { "nodes", "edges" }.`,
  );
}

function invalid(
  path: string,
  problems: readonly { path: readonly PropertyKey[]; message: string }[],
): CliError {
  const lines = problems.map(({ path: at, message }) => `  ${at.join('.') || '(all)'}: ${message}`);
  return new CliError(`${path} is not a valid workflow:\n${lines.join('\n')}`, EXIT.failed);
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
