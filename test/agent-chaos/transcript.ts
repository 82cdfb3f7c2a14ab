import { SCRIPT, toolCallId, type Wire } from './script.ts';

/** One message of a transcript, in a form that both wire formats share. The number of the case is replaced. */
export interface TranscriptItem {
  role: 'system' | 'user' | 'assistant' | 'tools';
  /** Of an answer: its parts as they were sent. */
  content?: unknown;
  /** Of results: their texts by the ids of the calls, in the order in which they were sent. */
  results?: { id: string; text: string }[];
}

interface Part {
  type: string;
  text?: string;
  tool_use_id?: string;
  content?: unknown;
  [more: string]: unknown;
}
interface Message {
  role: string;
  content: unknown;
  tool_call_id?: string;
  [more: string]: unknown;
}

/** Reads the transcript out of the body of a request. */
export function readTranscript(wire: Wire, body: Record<string, unknown>, caseId: string): TranscriptItem[] {
  const neutral = JSON.parse(JSON.stringify(body).replaceAll(caseId, 'CASE')) as {
    system?: unknown;
    messages: Message[];
  };
  const items: TranscriptItem[] =
    neutral.system === undefined ? [] : [{ role: 'system', content: neutral.system }];
  for (const message of neutral.messages) {
    const results = resultsIn(wire, message);
    const last = items.at(-1);
    if (results.length === 0) items.push({ ...message, role: message.role as TranscriptItem['role'] });
    else if (last?.role === 'tools') last.results!.push(...results);
    else items.push({ role: 'tools', results });
  }
  return items;
}

function resultsIn(wire: Wire, { role, content, tool_call_id: id }: Message): { id: string; text: string }[] {
  if (wire === 'openai') return role === 'tool' ? [{ id: id!, text: textOf(content) }] : [];
  if (role !== 'user' || !Array.isArray(content)) return [];
  return (content as Part[])
    .filter(({ type }) => type === 'tool_result')
    .map((part) => ({ id: part.tool_use_id!, text: textOf(part.content) }));
}

const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return JSON.stringify(content);
  return (content as Part[]).map((part) => part.text ?? JSON.stringify(part)).join('');
};

/**
 * Checks a transcript as the provider does: every answer comes back as it was sent, with its thinking and its signature, and each
 * of its calls has one result in the message after it.
 */
export function transcriptProblems(wire: Wire, transcript: readonly TranscriptItem[]): string[] {
  const problems: string[] = [];
  let round = 0;
  for (const [index, item] of transcript.entries()) {
    if (item.role !== 'assistant') continue;
    round += 1;
    const expected = SCRIPT[round - 1];
    if (!expected) return [...problems, `There are more than ${SCRIPT.length} answers.`];
    problems.push(...(wire === 'anthropic' ? anthropicProblems(item, round) : openAIProblems(item, round)));
    const ids = expected.calls.map((_unused, call) => toolCallId(round, call));
    const given = transcript[index + 1]?.results?.map(({ id }) => idIn(wire, id)) ?? [];
    if (ids.join() !== given.join())
      problems.push(`The calls ${ids.join()} of round ${round} have the results ${given.join() || 'none'}.`);
  }
  return problems;
}

/** The fake chat completions number the ids once more. */
const idIn = (wire: Wire, id: string): string => (wire === 'openai' ? id.replace(/_\d+$/, '') : id);

function anthropicProblems({ content }: TranscriptItem, round: number): string[] {
  const { thinking, signature, text, calls } = SCRIPT[round - 1]!;
  const expected = [
    { type: 'thinking', thinking: thinking.join(''), signature },
    { type: 'text', text: text.join('') },
    ...calls.map(({ name, args }, index) => ({
      type: 'tool_use',
      id: toolCallId(round, index),
      name,
      input: args,
    })),
  ];
  return differences(round, expected, content);
}

function openAIProblems(item: TranscriptItem, round: number): string[] {
  const { text, calls } = SCRIPT[round - 1]!;
  const { content, tool_calls: given } = item as { content?: unknown; tool_calls?: unknown };
  const toolCalls = (given as { id: string; function: { name: string; arguments: string } }[]).map(
    (call) => ({
      id: idIn('openai', call.id),
      name: call.function.name,
      args: JSON.parse(call.function.arguments) as unknown,
    }),
  );
  const expected = calls.map(({ name, args }, index) => ({ id: toolCallId(round, index), name, args }));
  return differences(round, { content: text.join(''), toolCalls: expected }, { content, toolCalls });
}

function differences(round: number, expected: unknown, given: unknown): string[] {
  const [one, other] = [canonical(expected), canonical(given)];
  return one === other ? [] : [`The answer of round ${round} was ${one} and came back as ${other}.`];
}

/** JSON whose members are sorted. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
