/** The ids of a workflow's nodes. */
export interface NodeIds {
  has(id: string): boolean;
}

/** A placeholder of a config, such as `{{nodes.a.output.items[0].name}}`. */
export interface Placeholder {
  /** As it is written, with its braces. */
  readonly source: string;
  readonly root: 'input' | 'output' | 'error' | 'callbackUrl' | 'execution' | 'vars' | 'secrets';
  /** Only of `output`, `error` and `callbackUrl`. The workflow may have no such node. */
  readonly nodeId?: string;
  /** Names of members and indexes of items, from the root on. Of `vars` and `secrets`, the first one is the name. */
  readonly path: readonly (string | number)[];
  /** Whether it ends with `?`: a missing value is no error. */
  readonly isOptional: boolean;
}

/** A text that begins as a placeholder and cannot be one. */
export interface InvalidPlaceholder {
  readonly source: string;
  /** What is wrong, and what to write instead. It begins with the source. */
  readonly problem: string;
}

/** A piece of a text: a string to keep, or a placeholder. */
export type Part = string | Placeholder | InvalidPlaceholder;

export const isInvalid = (part: Exclude<Part, string>): part is InvalidPlaceholder => 'problem' in part;

/**
 * Splits a text at its placeholders. `{{…}}` with any other content stays text, so that templates of other systems pass
 * unchanged. `\{{` gives `{{`, and `\\{{` gives a backslash and then a placeholder.
 * @param isJsonText whether the text is JSON, where two backslashes in a string are an escape sequence of JSON and stay
 */
export function splitAtPlaceholders(text: string, nodes: NodeIds, isJsonText = false): Part[] {
  const parts: Part[] = [];
  let kept = '';
  let from = 0;
  for (let at = text.indexOf('{{'); at >= 0; at = text.indexOf('{{', at)) {
    const backslashes = backslashesBefore(text, at, from);
    const isEscaped = backslashes % 2 === 1;
    const found = isEscaped ? undefined : readPlaceholder(text, at, nodes);
    if (!isEscaped && !found) {
      at += 1;
      continue;
    }
    const remaining = isJsonText ? backslashes - (isEscaped ? 1 : 0) : Math.floor(backslashes / 2);
    kept += text.slice(from, at - backslashes) + '\\'.repeat(remaining);
    if (found) {
      if (kept !== '') parts.push(kept);
      parts.push(found.part);
      kept = '';
      from = found.end;
    } else {
      kept += '{{';
      from = at + 2;
    }
    at = from;
  }
  kept += text.slice(from);
  if (kept !== '') parts.push(kept);
  return parts;
}

/** Whether a string contains placeholders. It can then be checked only after they are filled in. */
export function isTemplate(text: string): boolean {
  return (
    text.includes('{{') &&
    splitAtPlaceholders(text, { has: () => false }).some((part) => typeof part !== 'string')
  );
}

function backslashesBefore(text: string, at: number, from: number): number {
  let start = at;
  while (start > from && text[start - 1] === '\\') start -= 1;
  return at - start;
}

interface Found {
  part: Placeholder | InvalidPlaceholder;
  /** Where the text continues. */
  end: number;
}

/** A root, and what must follow it. Any other `{{…}}` is text. */
const ROOT = /\s*(input|nodes|execution|vars|secrets)(?=[.[?]|\s*\}\})/y;
const END = /\s*(?:(\?)\s*)?\}\}/y;

/** How far the message about a wrong path searches for the end of the placeholder. */
const END_DISTANCE = 500;

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Reads the placeholder that begins at a position; undefined if the braces there belong to something else. */
function readPlaceholder(text: string, at: number, nodes: NodeIds): Found | undefined {
  const root = match(ROOT, text, at + 2);
  if (!root) return undefined;
  const afterRoot = at + 2 + root[0].length;
  const invalid = (problem: string): Found => {
    const source = excerpt(text, at);
    return { part: { source, problem: `${source} ${problem}` }, end: at + 2 };
  };
  const name = root[1]!;
  const target =
    name === 'nodes' ? readNode(text, afterRoot, nodes) : { root: name as 'input', end: afterRoot };
  if ('problem' in target) return invalid(target.problem);
  const { path, end } = readPath(text, target.end);
  const last = match(END, text, end);
  if (!last) {
    if (end === text.length || !text.slice(end, end + END_DISTANCE).includes('}}'))
      return invalid('has no end: close it with }}');
    const rest = JSON.stringify(text.slice(end, end + 20).toWellFormed());
    return invalid(
      `has no valid path at ${rest}: write .name, [0] or ["any name"], and end the placeholder with }} or ?}}`,
    );
  }
  const wrongPath = pathProblem(target.root, path);
  if (wrongPath !== undefined) return invalid(wrongPath);
  const stop = end + last[0].length;
  const { root: kind, nodeId } = target;
  const source = text.slice(at, stop);
  const isOptional = last[1] !== undefined;
  return {
    part: { source, root: kind, ...(nodeId !== undefined && { nodeId }), path, isOptional },
    end: stop,
  };
}

/** The members of the roots whose members are known. */
const MEMBERS: Partial<Record<Placeholder['root'], readonly string[]>> = {
  error: ['message', 'code'],
  execution: ['id', 'projectId'],
  callbackUrl: [],
};

/** Names of variables and secrets, as the contract's ValueName has them. */
const VALUE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

function pathProblem(root: Placeholder['root'], path: readonly (string | number)[]): string | undefined {
  if (root === 'vars' || root === 'secrets') return valuePathProblem(root, path);
  const members = MEMBERS[root];
  const [first] = path;
  if (!members || first === undefined) return undefined;
  if (members.length === 0) return `can have no path: ${root} is text`;
  if (typeof first !== 'string' || !members.includes(first))
    return `cannot exist: ${root} has only ${members.join(' and ')}`;
  return path.length > 1 ? `cannot exist: ${root}.${first} is text` : undefined;
}

function valuePathProblem(
  root: 'vars' | 'secrets',
  [name, ...path]: readonly (string | number)[],
): string | undefined {
  const what = root === 'vars' ? 'variable' : 'secret';
  if (name === undefined) return `does not name a ${what}: write ${root}.NAME`;
  if (typeof name !== 'string' || !VALUE_NAME.test(name))
    return `cannot exist: the name of a ${what} has 1 to 64 letters, digits and _, and does not begin with a digit`;
  return root === 'secrets' && path.length > 0
    ? 'can have no path after the name: a secret is text'
    : undefined;
}

const MEMBER = /\.(output|error|callbackUrl)(?![\p{L}\p{M}\p{N}_$-])/uy;
const ID_CHARACTERS = /[A-Za-z0-9._:-]*/y;
/** The longest node id. Longer texts are not compared with ids. */
const ID_MAX_LENGTH = 128;

interface NodeTarget {
  root: Placeholder['root'];
  nodeId?: string;
  end: number;
}

/** Reads `.<id>.output` or `["<id>"].output`. The longest known id wins, because ids may contain dots. */
function readNode(text: string, at: number, nodes: NodeIds): NodeTarget | { problem: string } {
  if (text[at] === '[') {
    const key = readKey(text, at);
    if (!key || typeof key.key !== 'string')
      return { problem: 'does not name a node: write nodes["id"].output, with double quotes' };
    const member = match(MEMBER, text, key.end);
    if (!member) return { problem: withoutMember(key.key, text, key.end) };
    return { root: member[1] as 'output', nodeId: key.key, end: key.end + member[0].length };
  }
  if (text[at] !== '.') return { problem: 'does not name a node: write nodes.<id>.output' };
  const start = at + 1;
  const run = match(ID_CHARACTERS, text, start)![0].slice(0, ID_MAX_LENGTH + 1);
  let best: NodeTarget | undefined;
  let isBestKnown = false;
  let knownWithoutMember: string | undefined;
  for (let length = 1; length <= Math.min(run.length, ID_MAX_LENGTH); length += 1) {
    if (length < run.length && run[length] !== '.') continue;
    const nodeId = run.slice(0, length);
    const isKnown = nodes.has(nodeId);
    const member = match(MEMBER, text, start + length);
    if (!member) {
      if (isKnown) knownWithoutMember = nodeId;
    } else if (isKnown || !best) {
      best = { root: member[1] as 'output', nodeId, end: start + length + member[0].length };
      isBestKnown = isKnown;
    }
  }
  // A known node without `.output` is a better explanation than an unknown node with it.
  if (knownWithoutMember !== undefined && !isBestKnown)
    return { problem: withoutMember(knownWithoutMember, text, start + knownWithoutMember.length) };
  return best ?? { problem: 'does not say what of the node: write nodes.<id>.output' };
}

function withoutMember(nodeId: string, text: string, at: number): string {
  const written = match(/\.[\p{L}\p{N}_$-]{1,40}/uy, text, at)?.[0];
  const what = written === undefined ? '' : `, not ${written}`;
  return `cannot exist: write .output after the node "${nodeId.slice(0, ID_MAX_LENGTH)}", or .error or .callbackUrl${what}. Did you mean .output?`;
}

const NAME = /\.([\p{L}\p{M}\p{N}_$-]+)/uy;

/** Reads `.name`, `[0]` and `["any name"]` as often as they follow each other. */
function readPath(text: string, at: number): { path: (string | number)[]; end: number } {
  const path: (string | number)[] = [];
  let end = at;
  for (;;) {
    const name = match(NAME, text, end);
    const key = name ? undefined : readKey(text, end);
    if (name) {
      path.push(name[1]!);
      end += name[0].length;
    } else if (key) {
      path.push(key.key);
      end = key.end;
    } else return { path, end };
  }
}

const INDEX = /\[\s*(\d{1,15})\s*\]/y;
const OPEN = /\[\s*"/y;
const CLOSE = /"\s*\]/y;

/** Reads `[0]` or `["any name"]`, where the name is a string of JSON. */
function readKey(text: string, at: number): { key: string | number; end: number } | undefined {
  const index = match(INDEX, text, at);
  if (index) return { key: Number(index[1]), end: at + index[0].length };
  const open = match(OPEN, text, at);
  if (!open) return undefined;
  const start = at + open[0].length;
  let quote = start;
  while (quote < text.length && text[quote] !== '"') quote += text[quote] === '\\' ? 2 : 1;
  const close = match(CLOSE, text, quote);
  if (!close) return undefined;
  try {
    return { key: JSON.parse(text.slice(start - 1, quote + 1)) as string, end: quote + close[0].length };
  } catch {
    return undefined;
  }
}

const EXCERPT_LENGTH = 80;

/** The placeholder as far as it is short, for a message. */
function excerpt(text: string, at: number): string {
  const rest = text.slice(at, at + EXCERPT_LENGTH);
  const end = rest.indexOf('}}');
  if (end >= 0) return rest.slice(0, end + 2).toWellFormed();
  return `${rest.toWellFormed()}${at + EXCERPT_LENGTH < text.length ? '…' : ''}`;
}
