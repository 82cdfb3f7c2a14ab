import type { ArgumentLimit } from './argument-limit.js';
import { isObject, type JsonObject, numberOr, objectOr } from './json-object.js';

/** The name of a call for which the model gave no name. There is no such tool, so the model learns of its mistake. */
export const UNNAMED_TOOL = 'unnamed_tool';

/** A call of a tool whose parts arrive one after another. */
interface PartialCall {
  /** The position under which its parts are passed on. */
  readonly index: number;
  /** The position under which its parts arrive. */
  readonly wireIndex: number | undefined;
  readonly id: string | undefined;
  name: string | undefined;
  /** All arguments so far. */
  text: string;
}

/** What says to which call a part belongs. */
interface Labels {
  readonly wireIndex: number | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
}

/**
 * Brings the parts of tool calls in chat completions into the form that OpenAI documents: each part has the `index` of its
 * call, and the first part has `id` and `name`. Other servers leave the index out, use one index for parallel calls, repeat
 * ids and names in each part, or send the arguments as an object.
 */
export class ChatToolCalls {
  private readonly calls: PartialCall[] = [];

  constructor(private readonly limit: ArgumentLimit) {}

  get isEmpty(): boolean {
    return this.calls.length === 0;
  }

  /**
   * Brings a list of parts into the documented form.
   * @returns the same list if nothing had to change
   */
  take(parts: readonly unknown[]): unknown[] {
    let isChanged = false;
    const taken = parts.flatMap((part) => {
      const result = isObject(part) ? this.takePart(part) : undefined;
      isChanged ||= result !== part;
      return result ?? [];
    });
    return isChanged ? taken : (parts as unknown[]);
  }

  /** Returns the parts of calls that have not got a name until the end of the answer. */
  unnamed(): JsonObject[] {
    return this.calls
      .filter((call) => call.name === undefined)
      .map((call) => {
        call.name = UNNAMED_TOOL;
        return firstPart(call, call.text, undefined);
      });
  }

  /** @returns undefined if the part has to wait for the name of its call */
  private takePart(part: JsonObject): JsonObject | undefined {
    // Some servers put the members of `function` directly into the part.
    const target = isObject(part['function']) ? part['function'] : part;
    const wireIndex = numberOr(part['index']);
    const id = textOf(part['id']);
    const name = textOf(target['name']);
    const args = argumentsOf(target['arguments']);
    this.limit.add(args);
    const known = this.find({ wireIndex, id, name });
    if (known?.name !== undefined) {
      known.text += args;
      const isDocumented =
        target !== part &&
        known.index === part['index'] &&
        isBlankOr(part['id'], known.id) &&
        isBlankOr(target['name'], known.name) &&
        typeof target['arguments'] === 'string';
      return isDocumented ? part : { index: known.index, function: { arguments: args } };
    }
    const call = known ?? this.add({ wireIndex, id });
    call.name = name;
    call.text += args;
    if (name === undefined) return undefined;
    const isDocumented =
      target !== part &&
      known === undefined &&
      call.index === part['index'] &&
      call.id === part['id'] &&
      typeof target['arguments'] === 'string';
    return isDocumented ? part : firstPart(call, call.text, part['extra_content']);
  }

  private find({ wireIndex, id, name }: Labels): PartialCall | undefined {
    const sameId = id === undefined ? undefined : this.calls.findLast((call) => call.id === id);
    if (sameId) {
      const isOther = wireIndex !== undefined && sameId.wireIndex !== wireIndex && name !== undefined;
      return isOther ? undefined : sameId;
    }
    if (wireIndex !== undefined) {
      const same = this.calls.findLast((call) => call.wireIndex === wireIndex);
      return same && name !== undefined && beginsAnother(same, id, name) ? undefined : same;
    }
    // A part without any label belongs to the last call.
    return id === undefined && name === undefined ? this.calls.at(-1) : undefined;
  }

  private add({ wireIndex, id }: Omit<Labels, 'name'>): PartialCall {
    this.limit.addItem();
    // The AI SDK makes an id for a call that has none. Two calls cannot have the same id.
    const isTaken = this.calls.some((call) => call.id === id);
    const call: PartialCall = {
      index: this.calls.length,
      wireIndex,
      id: isTaken ? undefined : id,
      name: undefined,
      text: '',
    };
    this.calls.push(call);
    return call;
  }
}

/** Whether a part with a name, at the index of `call`, is the first one of another call. */
function beginsAnother(call: PartialCall, id: string | undefined, name: string): boolean {
  if (call.name === undefined) return false;
  if (call.name !== name) return true;
  if (id !== undefined && call.id !== undefined) return true;
  // Servers that repeat the name in each part send it while the arguments are not complete.
  return isCompleteJson(call.text);
}

const firstPart = (call: PartialCall, args: string, extra: unknown): JsonObject => ({
  index: call.index,
  ...(call.id !== undefined && { id: call.id }),
  type: 'function',
  function: { name: call.name, arguments: args },
  ...(isObject(extra) && { extra_content: extra }),
});

function isCompleteJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Some servers send the arguments as an object. */
function argumentsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

const isBlankOr = (value: unknown, expected: string | undefined): boolean =>
  value === undefined || value === null || value === '' || value === expected;

/** The parts of a legacy call of one function, in the form of parts of tool calls. */
export const legacyCall = (call: unknown): JsonObject[] => {
  const { name, arguments: args } = objectOr(call);
  return [{ index: 0, function: { ...(name !== undefined && { name }), arguments: argumentsOf(args) } }];
};
