import type { z } from 'zod';
import type { Checked, SchemaProblem } from '../../problems/schema-problems.js';
import { sampleOfSchema } from './async-config.js';
import {
  type ConfigContext,
  type ConfigPath,
  placeholdersOf,
  type Template,
  templateOf,
  type TextTemplate,
  textsOf,
  wholePlaceholder,
} from './config-template.js';
import { isStructure } from './config-field.js';
import type { ConfigProblem } from './node-handler.js';
import { isInvalid } from './placeholder.js';
import { misplacedSecret } from './secret-references.js';

/** What a check at posting time needs to know about the workflow. */
export interface CheckedNode extends ConfigContext {
  readonly id: string;
  /** The type of a node; undefined if the workflow has no such node. */
  typeOf(id: string): string | undefined;
  /** Whether the server knows the address at which third parties reach it. */
  readonly hasPublicUrl: boolean;
  /** Whether a node must be done before this one starts. */
  isBefore(id: string): boolean;
  /** Returns the id that was probably meant. */
  nearest(id: string): string | undefined;
}

/** A config as far as it is known before its placeholders are filled in. */
export type CheckedConfig =
  | { readonly problems: readonly SchemaProblem[]; readonly data?: never }
  | {
      readonly problems: readonly [];
      /** The parsed config. Strings with placeholders are as they were posted, or replaced by a value that fits. */
      readonly data: unknown;
      /** Whether a problem at a path says nothing, because the value there is not known yet. */
      isUnknown(path: readonly PropertyKey[]): boolean;
    };

/** More problems than a response lists are not collected. */
const MAX_PROBLEMS = 100;

/** Finds the placeholders of a posted config that cannot exist. */
export function placeholderProblems(config: unknown, node: CheckedNode): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const text of textsOf(templateOf(config, node))) {
    const path = [...text.path];
    for (const part of text.parts) {
      if (typeof part === 'string') continue;
      if (isInvalid(part)) problems.push({ path, message: part.problem });
      else if (part.root === 'secrets' && !text.field.takesSecrets)
        problems.push({ path, message: misplacedSecret(part.source) });
      else if (part.nodeId !== undefined) {
        const message = nodeProblem(part.nodeId, part.root === 'callbackUrl', node);
        if (message !== undefined) problems.push({ path, message });
      }
      if (problems.length >= MAX_PROBLEMS) return problems;
    }
  }
  return problems;
}

function nodeProblem(nodeId: string, isCallback: boolean, node: CheckedNode): string | undefined {
  const type = node.typeOf(nodeId);
  if (type === undefined) {
    const nearest = node.nearest(nodeId);
    const hint = nearest === undefined ? 'correct the name' : `did you mean "${nearest}"?`;
    return `there is no node "${nodeId.slice(0, 128)}": ${hint}`;
  }
  if (isCallback && type === 'wait')
    return node.hasPublicUrl
      ? undefined
      : `the callback address of "${nodeId}" needs the address at which third parties reach this server: set PUBLIC_URL`;
  if (isCallback)
    return `node "${nodeId}" has the type ${type} and no callback address: only a node of the type wait has one`;
  return node.isBefore(nodeId)
    ? undefined
    : `node "${nodeId}" does not come before this node: add an edge from it, or correct the name`;
}

/**
 * Parses a config whose placeholders are not filled in yet. A problem is reported only if no values of the placeholders can
 * avoid it, as far as the schema says.
 */
export function checkTemplate(
  config: unknown,
  context: ConfigContext,
  parse: (config: unknown) => Checked<unknown>,
): CheckedConfig {
  const template = templateOf(config, context);
  const parsed = parse(draftOf(template, () => undefined));
  const texts = textsOf(template).filter((text) => placeholdersOf(text).length > 0);
  const open = new Set(texts.filter((text) => !accepts(text, textOf(text)) && mayFit(text)));
  if (parsed.success) return { problems: [], data: parsed.data, isUnknown: () => false };
  if (open.size === 0) return { problems: parsed.problems };
  const paths = new OpenPaths([...open].map(({ path }) => path));
  // A union, for example, reports a problem of one of its members at its own path.
  const certain = parsed.problems.filter(({ path }) => !paths.isInside(path) && !paths.isAround(path));
  if (certain.length > 0) return { problems: certain };
  const sampled = parse(draftOf(template, (text) => (open.has(text) ? sampleOf(text) : undefined)));
  // With samples that do not fit, the config is checked when the node runs.
  return sampled.success
    ? { problems: [], data: sampled.data, isUnknown: (path) => paths.isInside(path) }
    : { problems: [] };
}

/** Paths of strings whose values are not known yet. */
class OpenPaths {
  private readonly paths = new Set<string>();
  private readonly ancestors = new Set<string>();

  constructor(paths: readonly ConfigPath[]) {
    for (const path of paths) {
      const starts = startsOf(path);
      this.paths.add(starts.pop()!);
      for (const start of starts) this.ancestors.add(start);
    }
  }

  /** Whether a path leads to one of the strings, or into the value that will replace it. */
  isInside(path: readonly PropertyKey[]): boolean {
    return startsOf(path).some((start) => this.paths.has(start));
  }

  /** Whether one of the strings is inside the value at a path. */
  isAround(path: readonly PropertyKey[]): boolean {
    return this.ancestors.has(startsOf(path).pop()!);
  }
}

/** The path to each value on the way to a value, from the root on, as text. */
function startsOf(path: readonly PropertyKey[]): string[] {
  let start = '';
  return [
    '',
    ...path.map((key) => (start += `/${JSON.stringify(typeof key === 'symbol' ? String(key) : key)}`)),
  ];
}

/** The text as it is before its placeholders are filled in. */
const textOf = ({ parts }: TextTemplate): string =>
  parts.map((part) => (typeof part === 'string' ? part : part.source)).join('');

/** Whether a value of the placeholders may fit the field. Text around a placeholder makes text, which a list never is. */
const mayFit = (text: TextTemplate): boolean =>
  wholePlaceholder(text) !== undefined ||
  text.field.schemas.length === 0 ||
  !text.field.schemas.every(isStructure);

const accepts = ({ field: { schemas } }: TextTemplate, value: unknown): boolean =>
  schemas.length === 0 || schemas.some((schema) => schema.safeParse(value).success);

/** Samples of schemas, which are the same objects for all configs of a node type. */
const samples = new WeakMap<z.ZodType, { value: unknown } | Record<string, never>>();

const hasExample = (schema: z.ZodType): boolean => schema.meta()?.['examples'] !== undefined;

/** A value that the field accepts; the text itself if there is none. */
function sampleOf(text: TextTemplate): unknown {
  // A schema with an example is one that fits in most places, where a field takes several kinds of values.
  const schemas = text.field.schemas.toSorted((a, b) => Number(hasExample(b)) - Number(hasExample(a)));
  for (const schema of schemas) {
    let sample = samples.get(schema);
    if (!sample) {
      const value = sampleOfSchema(schema);
      sample = schema.safeParse(value).success ? { value } : {};
      samples.set(schema, sample);
    }
    if ('value' in sample) return sample['value'];
  }
  return textOf(text);
}

function draftOf(template: Template, replace: (text: TextTemplate) => unknown): unknown {
  switch (template.kind) {
    case 'constant':
      return template.value;
    case 'text':
      return replace(template) ?? textOf(template);
    case 'list':
      return template.items.map((item) => draftOf(item, replace));
    case 'object':
      return Object.fromEntries(template.members.map(([key, member]) => [key, draftOf(member, replace)]));
  }
}
