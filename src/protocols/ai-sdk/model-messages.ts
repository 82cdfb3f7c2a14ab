import type { Json } from '@cloutagent/contract';
import { ValidationFailedError } from '../../problems/problem.error.js';
import type { UiMessage, UiPart } from './chat-request.js';
import { isStandIn, toolPartOf, type ToolUiPart } from './tool-parts.js';

/** A message for the config `messages` of an agent. */
export interface ModelMessage {
  role: string;
  content: Json;
}
type Content = { [name: string]: Json }[];

/**
 * Translates UIMessages to the AI SDK's form of ModelMessage, which the config `messages` of an agent takes. It leaves out what no
 * model needs: reasoning, sources, data parts, calls without a result, and the calls that stand for approvals.
 * @throws ValidationFailedError with the path of a part that is not valid
 */
export function modelMessages(messages: readonly UiMessage[]): ModelMessage[] {
  return messages.flatMap(({ role, parts }, index) => {
    const path = `messages.${index}.parts`;
    switch (role) {
      case 'system': {
        const content = textOf(parts, path);
        return content === '' ? [] : [{ role, content }];
      }
      case 'user': {
        const content = parts.flatMap((part, at) => contentOf(part, `${path}.${at}`));
        return content.length === 0 ? [] : [{ role, content }];
      }
      case 'assistant':
        return blocksOf(parts, path);
    }
  });
}

/** Returns the text of a message. */
export const textOf = (parts: readonly UiPart[], path: string): string =>
  parts
    .flatMap((part, index) => (part.type === 'text' ? [stringOf(part, 'text', `${path}.${index}`)] : []))
    .join('');

/** Returns a text or a file; nothing for other parts. */
function contentOf(part: UiPart, path: string): Content {
  switch (part.type) {
    case 'text': {
      const text = stringOf(part, 'text', path);
      return text === '' ? [] : [{ type: 'text', text }];
    }
    case 'file': {
      const { filename } = part;
      return [
        {
          type: 'file',
          data: stringOf(part, 'url', path),
          mediaType: stringOf(part, 'mediaType', path),
          ...(typeof filename === 'string' && filename !== '' && { filename }),
        },
      ];
    }
    default:
      return [];
  }
}

/** The messages of an answer: each of its steps is a message of the assistant, and one with the results of its calls. */
function blocksOf(parts: readonly UiPart[], path: string): ModelMessage[] {
  const messages: ModelMessage[] = [];
  const ids = callIds(parts);
  let content: Content = [];
  let results: Content = [];
  const endBlock = () => {
    if (content.length > 0) messages.push({ role: 'assistant', content });
    if (results.length > 0) messages.push({ role: 'tool', content: results });
    content = [];
    results = [];
  };
  for (const [index, part] of parts.entries()) {
    const tool = toolPartOf(part);
    const output = tool && !isStandIn(tool) ? outputOf(tool) : undefined;
    if (part.type === 'step-start') endBlock();
    else if (tool && output) {
      const call = { toolCallId: ids.get(tool.toolCallId)!, toolName: tool.toolName };
      content.push({ type: 'tool-call', ...call, input: (tool.input ?? {}) as Json });
      results.push({ type: 'tool-result', ...call, output });
    } else if (!tool) {
      const more = contentOf(part, `${path}.${index}`);
      // Providers want the results right after their calls, so a text after them begins the next message.
      if (more.length > 0 && results.length > 0) endBlock();
      content.push(...more);
    }
  }
  endBlock();
  return messages;
}

/**
 * Returns the ids of calls as the model made them: the format has added the number of an event to each. An id that two calls of the
 * message have in common keeps the number, in characters that all providers accept.
 */
function callIds(parts: readonly UiPart[]): Map<string, string> {
  const ids = parts.flatMap((part) => {
    const tool = toolPartOf(part);
    return tool ? [tool.toolCallId] : [];
  });
  const own = (id: string) => id.replace(/~\d+$/, '');
  const uses = new Map<string, number>();
  for (const id of ids) uses.set(own(id), (uses.get(own(id)) ?? 0) + 1);
  return new Map(ids.map((id) => [id, uses.get(own(id)) === 1 ? own(id) : id.replace(/~(?=\d+$)/, '_')]));
}

/** The output of a call; undefined if it has none yet. */
function outputOf({ state, output, errorText, approval }: ToolUiPart): { [name: string]: Json } | undefined {
  switch (state) {
    case 'output-available':
      return typeof output === 'string'
        ? { type: 'text', value: output }
        : { type: 'json', value: (output ?? null) as Json };
    case 'output-error':
      return { type: 'error-text', value: errorText ?? 'The call failed.' };
    case 'output-denied': {
      const reason = approval?.reason;
      return { type: 'execution-denied', ...(reason && { reason }) };
    }
    default:
      return undefined;
  }
}

function stringOf(part: UiPart, member: string, path: string): string {
  const value = part[member];
  if (typeof value === 'string') return value;
  const message = value === undefined ? `is required in a part of type ${part.type}` : 'must be text';
  throw new ValidationFailedError([{ path: `${path}.${member}`, message }]);
}
