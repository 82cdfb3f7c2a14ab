import { createHash } from 'node:crypto';
import { z } from 'zod';
import { jsonShape } from '../../common/json-shape.js';

/** A tool as the server describes it, within limits. */
export interface ListedTool {
  /** The name that the server gives it. */
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>> & { type: 'object' };
}

const MAX_NAME = 256;
const MAX_DESCRIPTION = 4_000;
const MAX_SCHEMA_BYTES = 32_768;
const MAX_SCHEMA_DEPTH = 32;
const MAX_PAGES = 50;
/** All descriptions and schemas are part of each request to the model. */
const MAX_LIST_BYTES = 1_048_576;

/** What a page must have. The tools are checked one by one, so that a wrong one does not take the others with it. */
export const ToolPageSchema = z.looseObject({
  tools: z.array(z.unknown()).max(10_000),
  nextCursor: z.string().max(8_192).nullish(),
});

const Tool = z.looseObject({
  name: z.string().min(1).max(MAX_NAME),
  title: z.string().nullish().catch(undefined),
  description: z.string().nullish().catch(undefined),
  inputSchema: z.record(z.string(), z.unknown()),
});

/** What is kept of a list. */
export interface ListLimits {
  readonly maxTools: number;
  /** The only tools to keep; undefined: all. */
  readonly allowed: ReadonlySet<string> | undefined;
}

/**
 * Reads a list of tools, page by page. Left out are: tools that are not allowed, second tools of a name, and tools whose
 * name or schema no model provider accepts.
 * @throws Error, whose message says what is wrong with the list
 */
export async function readTools(
  page: (cursor: string | undefined) => Promise<z.infer<typeof ToolPageSchema>>,
  { maxTools, allowed }: ListLimits,
  onProblem: (problem: string) => void,
): Promise<ListedTool[]> {
  const tools = new Map<string, ListedTool>();
  const cursors = new Set<string>();
  let bytes = 0;
  let cursor: string | undefined;
  for (let pages = 1; ; pages += 1) {
    const { tools: listed, nextCursor } = await page(cursor);
    for (const item of listed) {
      const tool = toolOf(item, onProblem);
      if (!tool || (allowed && !allowed.has(tool.name))) continue;
      if (tools.has(tool.name)) {
        onProblem(`it lists two tools with the name ${shown(tool.name)}; the second one is left out`);
        continue;
      }
      tools.set(tool.name, tool);
      bytes += tool.description.length + JSON.stringify(tool.inputSchema).length;
      if (tools.size > maxTools)
        throw new Error(
          `it has more than ${maxTools} tools (MCP_MAX_TOOLS): name the ones that you need in "tools" of the server`,
        );
      if (bytes > MAX_LIST_BYTES)
        throw new Error(
          `the descriptions of its tools have more than ${MAX_LIST_BYTES} bytes: name the ones that you need in "tools" of the server`,
        );
    }
    if (nextCursor === undefined || nextCursor === null || nextCursor === '') return [...tools.values()];
    if (cursors.has(nextCursor)) throw new Error('its list of tools repeats a page');
    if (pages === MAX_PAGES) throw new Error(`its list of tools has more than ${MAX_PAGES} pages`);
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
}

function toolOf(item: unknown, onProblem: (problem: string) => void): ListedTool | undefined {
  const parsed = Tool.safeParse(item);
  if (!parsed.success) {
    onProblem('it lists a tool without a valid name or inputSchema; that tool is left out');
    return undefined;
  }
  const { name, title, description, inputSchema } = parsed.data;
  const problem = schemaProblem(inputSchema);
  if (problem !== undefined) {
    onProblem(`the inputSchema of ${shown(name)} ${problem}; that tool is left out`);
    return undefined;
  }
  return {
    name: name.toWellFormed(),
    description: (description ?? title ?? '').slice(0, MAX_DESCRIPTION).toWellFormed(),
    inputSchema: { ...inputSchema, type: 'object' },
  };
}

function schemaProblem(schema: Readonly<Record<string, unknown>>): string | undefined {
  if (schema['type'] !== 'object' && schema['type'] !== undefined) return 'does not have "type": "object"';
  let json: string;
  try {
    json = JSON.stringify(schema);
  } catch {
    return 'is too deep';
  }
  if (Buffer.byteLength(json) > MAX_SCHEMA_BYTES) return `has more than ${MAX_SCHEMA_BYTES} bytes`;
  if (jsonShape(Buffer.from(json)).depth > MAX_SCHEMA_DEPTH)
    return `is nested more than ${MAX_SCHEMA_DEPTH} levels deep`;
  const { properties } = schema;
  const isObject = typeof properties === 'object' && properties !== null && !Array.isArray(properties);
  if (properties !== undefined && !isObject) return 'has "properties" that are not an object';
  return undefined;
}

/** The longest second part of a full name, so that lists and events stay readable. */
const MAX_SHORT = 100;

/**
 * Gives each tool a name in the characters that model providers accept. A name that changes ends with a hash of the name
 * that the server gives, so that two names never become the same.
 */
export function safeName(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  if (safe === name && name.length <= MAX_SHORT) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${safe.slice(0, MAX_SHORT - hash.length - 1)}_${hash}`;
}

/** A name of a foreign server, for a message. */
export const shown = (name: string): string => JSON.stringify(name.slice(0, 100).toWellFormed());
