import { Json, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { nearestName } from '../../common/spelling.js';
import { check, type SchemaProblem, shortened } from '../../problems/schema-problems.js';
import { withShape } from '../extension/config-field.js';
import { isTemplate } from '../extension/template.js';
import { readFileData } from './file-data.js';

const MAX_PARTS = 1_000;

/** Text of a message. Providers refuse an empty one. */
export const MessageText = z.string().min(1, 'must not be empty: remove it').max(1_000_000);

/** Options for the provider of the model, by the provider's name. */
export const ProviderOptions = orNull(z.record(z.string(), z.record(z.string(), Json)));

const ToolCallId = z.string().min(1).max(500);
const ToolName = z.string().min(1).max(500);

const MediaType = z
  .string()
  .max(255)
  .refine(
    (text) => isTemplate(text) || /^[\w!#$&^.+-]+(\/([\w!#$&^.+-]+|\*))?$/.test(text),
    'must be a media type such as image/png or application/pdf',
  );

/** The URL, the data URL or the base64 of a file. */
const FileText = z
  .string()
  .meta({ placeholders: 'url', examples: ['https://example.com/cat.png'] })
  .superRefine((text, context) => {
    // Text with placeholders is read when the node runs.
    const data = isTemplate(text) ? undefined : readFileData(text);
    if (data && 'problem' in data) context.addIssue({ code: 'custom', message: data.problem });
  });
type FileText = string;

/** The data of a file as an object, as version 7 of the AI SDK writes it. */
const FileObject = oneOf('type', 'the data of a file', {
  data: z.strictObject({ type: z.literal('data'), data: FileText }),
  url: z.strictObject({ type: z.literal('url'), url: FileText }),
  text: z.strictObject({ type: z.literal('text'), text: MessageText }),
  reference: z.strictObject({
    type: z.literal('reference'),
    reference: z.record(z.string(), z.string()),
  }),
});
const FileData = either(
  FileText,
  FileObject,
  'must be a URL, a data URL or base64 as text, or an object with the member type',
  (value) => typeof value === 'object' && value !== null,
);
export type FileSource = z.output<typeof FileData>;

export const TextPart = z
  .strictObject({ type: z.literal('text'), text: MessageText, providerOptions: ProviderOptions })
  .meta({ examples: [{ type: 'text', text: 'x' }] });

export const ImagePart = z.strictObject({
  type: z.literal('image'),
  image: FileText,
  mediaType: orNull(MediaType),
  providerOptions: ProviderOptions,
});

export const FilePart = z.strictObject({
  type: z.literal('file'),
  data: FileData,
  /** A whole media type, or only its first word, such as `image`. */
  mediaType: MediaType,
  filename: orNull(z.string().min(1).max(255)),
  providerOptions: ProviderOptions,
});
export type FilePart = z.output<typeof FilePart>;

export const ReasoningPart = z.strictObject({
  type: z.literal('reasoning'),
  text: z.string().max(1_000_000),
  providerOptions: ProviderOptions,
});

export const ToolCallPart = z.strictObject({
  type: z.literal('tool-call'),
  toolCallId: ToolCallId,
  toolName: ToolName,
  input: Json,
  providerExecuted: orNull(z.boolean()),
  providerOptions: ProviderOptions,
});

const text = (type: 'text' | 'error-text') =>
  z.strictObject({
    type: z.literal(type),
    value: z.string().max(1_000_000),
    providerOptions: ProviderOptions,
  });
const json = (type: 'json' | 'error-json') =>
  z.strictObject({ type: z.literal(type), value: Json, providerOptions: ProviderOptions });

export const ToolResultPart = z.strictObject({
  type: z.literal('tool-result'),
  toolCallId: ToolCallId,
  toolName: ToolName,
  output: oneOf('type', 'the output of a tool', {
    text: text('text'),
    json: json('json'),
    'error-text': text('error-text'),
    'error-json': json('error-json'),
    'execution-denied': z.strictObject({
      type: z.literal('execution-denied'),
      reason: orNull(z.string().max(1_000_000)),
      providerOptions: ProviderOptions,
    }),
    content: z.strictObject({
      type: z.literal('content'),
      value: z
        .array(oneOf('type', 'a part of an output', { text: TextPart, file: FilePart }))
        .min(1)
        .max(MAX_PARTS),
    }),
  }),
  providerOptions: ProviderOptions,
});
export type ToolResultPart = z.output<typeof ToolResultPart>;

/** The content of a message: text, or a list of parts of some types. */
export function contentOf<T extends Record<string, z.ZodType>>(parts: T) {
  return either(
    MessageText,
    z
      .array(oneOf('type', 'a part of a message', parts))
      .min(1, 'must not be empty: remove the message')
      .max(MAX_PARTS),
    'must be text or a list of parts. To insert another value, use a part { "type": "text", "text": "…" }',
    Array.isArray,
  );
}

/**
 * A union of objects that one member tells apart. Unlike a union of Zod, it reports the problems of the object that is meant,
 * and the name that was probably meant.
 * @param what describes the object, for messages
 */
export function oneOf<T extends Record<string, z.ZodType>>(
  member: 'role' | 'type',
  what: string,
  kinds: T,
): z.ZodType<z.output<T[keyof T]>> {
  const names = Object.keys(kinds);
  const parsed = z.unknown().transform((value, context): z.output<T[keyof T]> => {
    const given =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
    const name = given?.[member];
    const kind = typeof name === 'string' && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const problems =
      given === undefined || Array.isArray(given)
        ? [{ path: [], message: `must be ${what}: an object with the member ${member}` }]
        : kind === undefined
          ? [{ path: [member], message: unknownKind(name, names) }]
          : report(kind, value);
    if (!Array.isArray(problems)) return problems.data as z.output<T[keyof T]>;
    for (const problem of problems) context.addIssue({ ...problem, code: 'custom', input: value });
    return z.NEVER;
  });
  return withShape(parsed, z.union(Object.values(kinds)));
}

/** Text, or something else that is parsed by its own schema. */
function either<S extends z.ZodType, T extends z.ZodType>(
  textSchema: S,
  other: T,
  problem: string,
  isOther: (value: unknown) => boolean,
): z.ZodType<z.output<S> | z.output<T>> {
  const parsed = z.unknown().transform((value, context): z.output<S> | z.output<T> => {
    const result =
      typeof value === 'string'
        ? report(textSchema, value)
        : isOther(value)
          ? report(other, value)
          : [{ path: [], message: value === undefined ? 'is required' : problem }];
    if (!Array.isArray(result)) return result.data as z.output<S>;
    for (const each of result) context.addIssue({ ...each, code: 'custom', input: value });
    return z.NEVER;
  });
  return withShape(parsed, z.union([textSchema, other]));
}

function report(schema: z.ZodType, value: unknown): { data: unknown } | SchemaProblem[] {
  const checked = check(schema, value);
  return checked.success ? { data: checked.data } : checked.problems;
}

function unknownKind(name: unknown, names: readonly string[]): string {
  if (typeof name !== 'string') return `must be one of ${names.join(', ')}`;
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? `use one of ${names.join(', ')}` : `did you mean ${nearest}?`;
  return `${JSON.stringify(shortened(name))} is not known: ${hint}`;
}
