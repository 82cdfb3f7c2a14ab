import type { Json } from '@cloutagent/contract';
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
import { NodeError } from './node-handler.js';
import { isInvalid, type Placeholder } from './placeholder.js';
import { misplacedSecret } from './secret-references.js';
import { type FillScope, findValue } from './template-values.js';
import { type Writer, WRITERS } from './writers.js';
import { hasFilledDotSegment, type UrlPiece } from './url-text.js';

/** Finds the nodes that a config refers to, each with the path of the reference in the config. */
export function references(
  config: unknown,
  context: ConfigContext,
): { nodeId: string; root: Placeholder['root']; path: ConfigPath }[] {
  return textsOf(templateOf(config, context)).flatMap((text) =>
    placeholdersOf(text).flatMap(({ nodeId, root }) =>
      nodeId === undefined ? [] : [{ nodeId, root, path: text.path }],
    ),
  );
}

/** A placeholder of a variable or of a secret. */
export interface ValueReference {
  readonly root: 'vars' | 'secrets';
  readonly name: string;
  readonly isOptional: boolean;
  /** In the config. */
  readonly path: ConfigPath;
}

/** Finds the variables and secrets that a config refers to. */
export function valueReferences(config: unknown, context: ConfigContext): ValueReference[] {
  return textsOf(templateOf(config, context)).flatMap((text) =>
    placeholdersOf(text).flatMap(({ root, path, isOptional }) =>
      root === 'vars' || root === 'secrets'
        ? [{ root, name: String(path[0]), isOptional, path: text.path }]
        : [],
    ),
  );
}

/** Finds the `wait` nodes whose callback addresses a config uses. */
export function callbackNodes(config: unknown, context: ConfigContext): string[] {
  const used = references(config, context).filter(({ root }) => root === 'callbackUrl');
  return [...new Set(used.map(({ nodeId }) => nodeId))];
}

/**
 * Fills the placeholders of a config. A string that is exactly one placeholder becomes the value itself if its field does
 * not take text. In longer text, text is inserted unchanged and any other value as JSON; in a URL it is percent-encoded, and
 * in a JSON text it is escaped. What is inserted is not searched for placeholders again. For a secret, a reference is inserted.
 * The result shares nothing with the config and with the values.
 * @param maxBytes for all that is inserted together: a few placeholders of a large output could exhaust the memory
 * @throws NodeError `missing_value`, `config_too_large`, `invalid_config`, `secret_not_allowed`
 */
export function fill(config: unknown, context: ConfigContext, scope: FillScope, maxBytes: number): unknown {
  return new Filling(scope, maxBytes).fill(templateOf(config, context));
}

/** Takes the place of a member or an item that is left out. */
const ABSENT = Symbol('absent');

class Filling {
  private bytes = 0;
  /** The value of each placeholder by its source, undefined if it is missing. */
  private readonly values = new Map<string, { value: Json | undefined }>();
  private readonly texts = new Map<string, { text: string; bytes: number }>();

  constructor(
    private readonly scope: FillScope,
    private readonly maxBytes: number,
  ) {}

  fill(template: Template): unknown {
    switch (template.kind) {
      case 'constant':
        return copyOf(template.value);
      case 'text':
        return this.fillText(template);
      case 'list':
        return template.items.map((item) => this.fill(item)).filter((item) => item !== ABSENT);
      case 'object':
        return Object.fromEntries(
          template.members
            .map(([key, member]) => [key, this.fill(member)] as const)
            .filter(([, member]) => member !== ABSENT),
        );
    }
  }

  private fillText(template: TextTemplate): unknown {
    const { field, parts } = template;
    const whole = wholePlaceholder(template);
    if (whole?.root === 'secrets') return this.textOf(whole, 'plain', field);
    if (whole) {
      const value = this.valueOf(whole);
      if (value === undefined) return field.takesText && !field.mayBeAbsent ? '' : ABSENT;
      if (!field.takesText) {
        this.count(this.write(whole, value, 'plain').bytes);
        return copyOf(value);
      }
    }
    if (field.text === 'url') return this.fillUrl(template);
    let placeholder = 0;
    const texts = parts.map((part) => {
      if (typeof part === 'string') return part;
      const isInString = template.isInString?.[placeholder++];
      if (isInString === undefined) return this.textOf(part, 'plain', field);
      return this.textOf(part, isInString ? 'jsonString' : 'json', field);
    });
    return texts.join('');
  }

  private fillUrl({ parts, field }: TextTemplate): string {
    const pieces = parts.map((part, index): UrlPiece => {
      if (typeof part === 'string') return { text: part, isValue: false };
      const isStart = index === 0;
      return { text: this.textOf(part, isStart ? 'plain' : 'url', field), isValue: !isStart };
    });
    if (hasFilledDotSegment(pieces))
      throw new NodeError(
        'invalid_config',
        'A value makes a segment . or .. of the path of a URL, which would lead to another path. Use another value, or put it into the query.',
      );
    return pieces.map(({ text }) => text).join('');
  }

  private textOf(
    part: TextTemplate['parts'][number] & object,
    writer: Writer,
    field: TextTemplate['field'],
  ): string {
    if (isInvalid(part)) throw new NodeError('invalid_config', `${part.problem}.`);
    if (part.root === 'secrets') return this.referenceOf(part, writer, field);
    const value = this.valueOf(part);
    if (value === undefined || (value === null && part.isOptional)) return writer === 'json' ? 'null' : '';
    const { text, bytes } = this.write(part, value, writer);
    this.count(bytes);
    return text;
  }

  /** @throws NodeError `secret_not_allowed` */
  private referenceOf(
    { source, path, isOptional }: Placeholder,
    writer: Writer,
    field: TextTemplate['field'],
  ): string {
    const { secrets } = this.scope;
    if (!field.takesSecrets || !secrets)
      throw new NodeError('secret_not_allowed', `${misplacedSecret(source)}.`);
    const reference = secrets.make(String(path[0]), writer, isOptional);
    this.count(reference.length);
    return reference;
  }

  /** @throws NodeError `missing_value` if the placeholder does not end with ? */
  private valueOf(placeholder: Placeholder): Json | undefined {
    const { source } = placeholder;
    let known = this.values.get(source);
    if (!known) {
      const found = findValue(placeholder, this.scope);
      if ('missing' in found && !placeholder.isOptional)
        throw new NodeError(
          'missing_value',
          `The placeholder ${shortened(source)} has no value: ${found.missing}. Correct the path, or end the placeholder with ? if the value may be missing.`,
        );
      known = { value: 'missing' in found ? undefined : found.value };
      this.values.set(source, known);
    }
    return known.value;
  }

  private write({ source }: Placeholder, value: Json, writer: Writer): { text: string; bytes: number } {
    const key = `${writer} ${source}`;
    let known = this.texts.get(key);
    if (!known) {
      const text = WRITERS[writer](value);
      known = { text, bytes: Buffer.byteLength(text) };
      this.texts.set(key, known);
    }
    return known;
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.maxBytes)
      throw new NodeError(
        'config_too_large',
        `The config has more than ${this.maxBytes} bytes after its placeholders were filled in (CONFIG_MAX_BYTES). Refer to smaller outputs.`,
      );
  }
}

const shortened = (source: string): string =>
  source.length > 200 ? `${source.slice(0, 200).toWellFormed()}…` : source;

/** Copies a value, because interceptors and handlers may change a config in place. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)]));
}

export { isTemplate } from './placeholder.js';
export { asText } from './writers.js';
export type { FillScope } from './template-values.js';
