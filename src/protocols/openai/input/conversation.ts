import type { Json } from '@cloutagent/contract';

/** A conversation that is being translated into the AI SDK's form of ModelMessage. */
export class Conversation {
  private readonly systems: Json[] = [];
  private readonly messages: Record<string, Json>[] = [];
  /** Names of the tools of the calls so far, by the id of the call. */
  private readonly tools = new Map<string, string>();

  /** @param earlier the messages before, in the AI SDK's form */
  constructor(earlier: readonly Json[] = []) {
    for (const message of earlier) {
      const { role, content } = message as Record<string, Json>;
      if (role === 'system') this.systems.push(message);
      else this.messages.push({ role: role!, content: Array.isArray(content) ? [...content] : content! });
      for (const part of Array.isArray(content) ? content : []) {
        const { type, toolCallId, toolName } = part as Record<string, string>;
        if (type === 'tool-call') this.tools.set(toolCallId!, toolName!);
      }
    }
  }

  /** System messages come first, because models accept them only there. */
  addSystem(texts: readonly string[]): void {
    if (texts.length > 0) this.systems.push({ role: 'system', content: texts.join('\n') });
  }

  addUser(parts: readonly Json[]): void {
    if (parts.length > 0) this.messages.push({ role: 'user', content: plain(parts) });
  }

  addAssistant(texts: readonly string[]): void {
    for (const text of texts) this.partsOf('assistant').push({ type: 'text', text });
  }

  /** Adds a call of a tool that the client has run. */
  addCall(id: string, toolName: string, args: string): void {
    this.tools.set(id, toolName);
    this.partsOf('assistant').push({ type: 'tool-call', toolCallId: id, toolName, input: parsed(args) });
  }

  /** Adds the result of a call. @returns whether the conversation has the call */
  addResult(id: string, text: string): boolean {
    const toolName = this.tools.get(id);
    if (toolName === undefined) return false;
    const output = { type: 'text', value: text };
    this.partsOf('tool').push({ type: 'tool-result', toolCallId: id, toolName, output });
    return true;
  }

  /** Returns the messages. Each content that is one text is that text. */
  get all(): Json[] {
    const isPlain = ({ role }: Record<string, Json>) => role !== 'tool';
    return [
      ...this.systems,
      ...this.messages.map((message) =>
        isPlain(message) && Array.isArray(message['content'])
          ? { ...message, content: plain(message['content']) }
          : message,
      ),
    ];
  }

  /** The parts of the last message if it has this role, otherwise those of a new one. */
  private partsOf(role: 'assistant' | 'tool'): Json[] {
    const last = this.messages.at(-1);
    if (last?.['role'] === role && Array.isArray(last['content'])) return last['content'];
    const content: Json[] = [];
    this.messages.push({ role, content });
    return content;
  }
}

/** Returns a content that is one text as that text. */
function plain(parts: readonly Json[]): Json {
  const [first] = parts;
  const isText = parts.length === 1 && typeof first === 'object' && first !== null && 'text' in first;
  return isText ? (first['text'] as string) : [...parts];
}

function parsed(args: string): Json {
  try {
    return JSON.parse(args) as Json;
  } catch {
    return args;
  }
}

/** Returns the text of the newest message of the user. */
export function newestText(messages: readonly Json[]): string {
  const newest = messages.findLast(
    (message): message is { role: 'user'; content: Json } =>
      typeof message === 'object' && message !== null && 'role' in message && message['role'] === 'user',
  );
  if (!newest) return '';
  const { content } = newest;
  if (!Array.isArray(content)) return typeof content === 'string' ? content : '';
  return content
    .flatMap((part) =>
      typeof part === 'object' && part !== null && 'text' in part ? [part['text'] as string] : [],
    )
    .join('\n');
}

/** Returns whether a model can answer the conversation: its last message is of the user or a result of a tool. */
export function canBeAnswered(messages: readonly Json[]): boolean {
  const last = messages.at(-1);
  if (typeof last !== 'object' || last === null || !('role' in last)) return false;
  return last['role'] === 'user' || last['role'] === 'tool';
}
