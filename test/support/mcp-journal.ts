import type { Execution, ExecutionEventOf } from '@cloutagent/contract';
import { isCallToolResult, isSpecType } from '@modelcontextprotocol/client';
import { McpFormat } from '../../src/protocols/mcp-server/mcp-format.js';
import { checkPure, framesOf } from './format-journal.js';
import type { EndedJournal } from './random-journals.js';

/**
 * Checks what a client of a tool call receives for a journal: notifications that the official client accepts and whose progress
 * rises, and then one result, which says what the journal says. A client that continues after any of them receives the rest.
 */
export function checkMcp(journal: EndedJournal): void {
  const format = new McpFormat();
  checkPure(format, journal);
  const frames = framesOf(format, journal);
  const messages = frames.map(({ data }) => data as Record<string, unknown>);
  let last = 0;
  for (const message of messages.slice(0, -1)) {
    if (!isSpecType.ProgressNotification(message))
      throw new Error(`no notification: ${JSON.stringify(message)}`);
    const { progress, total } = message.params;
    if (progress <= last) throw new Error(`the progress ${progress} follows ${last}`);
    if (total !== undefined && total < progress) throw new Error(`the total ${total} is below ${progress}`);
    last = progress;
  }
  const { result } = messages.at(-1)! as { result: unknown };
  if (!isCallToolResult(result)) throw new Error(`no result: ${JSON.stringify(result)}`);
  const end = journal.events.at(-1)!;
  expect(result._meta).toMatchObject({
    'cloutagent/executionId': journal.execution.id,
    'cloutagent/status': end.type.slice('execution:'.length),
  });
  expect(result.isError ?? false).toBe(end.type !== 'execution:completed');
  if (end.type === 'execution:completed') expect(outputOf(result)).toEqual(asJson(end.result.output ?? null));
  if (end.type === 'execution:failed') checkError(result, end);
  expect(result._meta?.['cloutagent/usage']).toEqual(usageOf(journal));
}

/** Reads the output as a client does: the structure if there is one, and else the text. */
function outputOf({
  content,
  structuredContent,
}: {
  content: unknown[];
  structuredContent?: unknown;
}): unknown {
  const { text } = content[0] as { text: string };
  if (structuredContent === undefined) return text === '' ? null : text;
  const { output } = structuredContent as { output?: unknown };
  // A list has no name of its own, and its text is the list.
  return Array.isArray(output) && text.startsWith('[') ? output : structuredContent;
}

/** Numbers and booleans arrive as texts. */
function asJson(output: unknown): unknown {
  if (typeof output === 'object') return output;
  return output === '' ? null : typeof output === 'string' ? output : JSON.stringify(output);
}

function checkError(
  result: Record<string, unknown>,
  { error, code }: ExecutionEventOf<'execution:failed'>,
): void {
  const { _meta: meta, content } = result as { _meta: Record<string, unknown>; content: { text: string }[] };
  expect(meta['cloutagent/error']).toMatchObject({ code, message: error });
  expect(content[0]!.text).toBe(`The execution failed: ${error} (${code})`);
}

function usageOf({ events }: EndedJournal): Execution['tokenUsage'] {
  const end = events.at(-1)!;
  if (end.type === 'execution:completed') return end.result.tokenUsage;
  const usages = events.flatMap((event) => (event.type === 'execution:token-usage' ? [event.usage] : []));
  return usages.at(-1) ?? { input: 0, output: 0, total: 0 };
}
