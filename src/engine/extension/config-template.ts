import type { z } from 'zod';
import { type ConfigField, ConfigFields } from './config-field.js';
import { gapsInStrings } from './json-text.js';
import { isInvalid, type NodeIds, type Part, type Placeholder, splitAtPlaceholders } from './placeholder.js';

/** The workflow and the node type that a config belongs to. */
export interface ConfigContext {
  /** The ids of the workflow's nodes. */
  readonly nodes: NodeIds;
  /** The schema of the node type, which says which fields take text, and which are URLs. */
  readonly schema?: z.ZodType | undefined;
  /** Members of the config that are passed on as they are: their placeholders belong to something else. */
  readonly verbatim?: readonly string[] | undefined;
}

export type ConfigPath = readonly (string | number)[];

/** A string of a config that has placeholders or escaped braces. */
export interface TextTemplate {
  readonly kind: 'text';
  readonly path: ConfigPath;
  readonly parts: readonly Part[];
  readonly field: ConfigField;
  /** Only of a JSON text: for each placeholder whether it is inside a string of it. */
  readonly isInString?: readonly boolean[];
}

/** A config, or a part of it, with its strings split at their placeholders. */
export type Template =
  | { readonly kind: 'constant'; readonly value: unknown }
  | TextTemplate
  | { readonly kind: 'list'; readonly items: readonly Template[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, Template])[] };

interface Known extends ConfigContext {
  readonly template: Template;
}

/** The templates of configs that were read before. A config is read once, not once for each attempt. */
const known = new WeakMap<object, Known>();

/** Splits the strings of a config at their placeholders. Names of members are not searched. */
export function templateOf(config: unknown, context: ConfigContext): Template {
  if (!hasBraces(config)) return { kind: 'constant', value: config };
  const read = () => readConfig(config, context, [], ConfigFields.of(context.schema));
  if (typeof config !== 'object' || config === null) return read();
  const last = known.get(config);
  if (last && last.nodes === context.nodes && last.schema === context.schema) return last.template;
  const template = read();
  known.set(config, { nodes: context.nodes, schema: context.schema, template });
  return template;
}

/** Whether a value has text that may be a placeholder. Most configs of most nodes have none. */
function hasBraces(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('{{');
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasBraces);
}

/** Lists the strings of a config that have placeholders or escaped braces. */
export function textsOf(template: Template): TextTemplate[] {
  if (template.kind === 'text') return [template];
  if (template.kind === 'list') return template.items.flatMap(textsOf);
  return template.kind === 'object' ? template.members.flatMap(([, member]) => textsOf(member)) : [];
}

export const placeholdersOf = ({ parts }: TextTemplate): Placeholder[] =>
  parts.filter((part): part is Placeholder => typeof part !== 'string' && !isInvalid(part));

/** The placeholder that a string consists of; undefined if it has other text. */
export function wholePlaceholder({ parts }: TextTemplate): Placeholder | undefined {
  const [first] = parts;
  return parts.length === 1 && typeof first === 'object' && !isInvalid(first) ? first : undefined;
}

/** @param path where the value is; the same list for all values of a config, so that only templates copy it */
function readConfig(
  value: unknown,
  context: ConfigContext,
  path: (string | number)[],
  fields: ConfigFields,
): Template {
  if (typeof value === 'string')
    return value.includes('{{') ? readText(value, context, path, fields) : { kind: 'constant', value };
  if (typeof value !== 'object' || value === null) return { kind: 'constant', value };
  const readAt = (key: string | number, member: unknown): Template => {
    path.push(key);
    const template = readConfig(member, context, path, fields.at(key));
    path.pop();
    return template;
  };
  if (Array.isArray(value)) {
    const items = value.map((item, index) => readAt(index, item));
    return items.every(({ kind }) => kind === 'constant')
      ? { kind: 'constant', value }
      : { kind: 'list', items };
  }
  const isVerbatim = (key: string) => path.length === 0 && context.verbatim?.includes(key);
  const members = Object.entries(value).map(([key, member]): readonly [string, Template] => [
    key,
    isVerbatim(key) ? { kind: 'constant', value: member } : readAt(key, member),
  ]);
  return members.every(([, { kind }]) => kind === 'constant')
    ? { kind: 'constant', value }
    : { kind: 'object', members };
}

function readText(
  text: string,
  { nodes }: ConfigContext,
  path: ConfigPath,
  { field }: ConfigFields,
): Template {
  if (field.text === 'none') return { kind: 'constant', value: text };
  if (field.text === 'json') {
    const parts = splitAtPlaceholders(text, nodes, true);
    const isInString = parts.length > 1 ? gapsInStrings(piecesOf(parts)) : undefined;
    if (isInString) return { kind: 'text', path: [...path], parts, field, isInString };
  }
  const parts = splitAtPlaceholders(text, nodes);
  return parts.length === 1 && parts[0] === text
    ? { kind: 'constant', value: text }
    : { kind: 'text', path: [...path], parts, field };
}

/** The text before each placeholder, and the text after the last one. */
function piecesOf(parts: readonly Part[]): string[] {
  const pieces = [''];
  for (const part of parts) {
    if (typeof part === 'string') pieces[pieces.length - 1] = part;
    else pieces.push('');
  }
  return pieces;
}
