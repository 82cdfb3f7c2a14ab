import type { AnswerWait, Json } from '@cloutagent/contract';
import type { AskedWait } from './mcp-state.js';

/** A question to the person at the client, in the mode `form` of MCP's elicitation. */
export interface ElicitationForm {
  message: string;
  requestedSchema: {
    type: 'object';
    properties: Record<string, FormField>;
    required?: string[];
  };
}

/** A field of a form. MCP allows values that are not objects, and lists of texts to choose from. */
interface FormField {
  [keyword: string]: unknown;
  type: 'string' | 'number' | 'integer' | 'boolean' | 'array';
}

/** The keywords that MCP allows, by type. The server checks the others when the answer arrives. */
const KEYWORDS: Record<FormField['type'], readonly string[]> = {
  string: ['title', 'description', 'minLength', 'maxLength', 'format', 'enum', 'enumNames', 'default'],
  number: ['title', 'description', 'minimum', 'maximum', 'default'],
  integer: ['title', 'description', 'minimum', 'maximum', 'default'],
  boolean: ['title', 'description', 'default'],
  array: ['title', 'description', 'minItems', 'maxItems', 'default'],
};
const FORMATS = ['email', 'uri', 'date', 'date-time'];

const APPROVED = 'approved';
const COMMENT = 'comment';
const MESSAGE_MAX_LENGTH = 4_000;

/**
 * Makes the form of a wait.
 * @param problem what was wrong with the answer before
 * @returns undefined if a form cannot ask for the answer: the wait has a schema with objects or lists of them, or is of
 *   the kind `failure`
 */
export function formOf(wait: AskedWait, problem?: string): ElicitationForm | undefined {
  const form = withoutProblem(wait);
  if (!form || problem === undefined) return form;
  return { ...form, message: cut(`${problem}\n${form.message}`) };
}

function withoutProblem(wait: AskedWait): ElicitationForm | undefined {
  switch (wait.kind) {
    case 'approval':
      return approvalForm(wait);
    case 'tool':
      return toolForm(wait);
    case 'signal':
      return signalForm(wait);
    case 'failure':
      return undefined;
  }
}

function approvalForm({ message, nodeId, schema }: AskedWait): ElicitationForm | undefined {
  const fields = schema === undefined ? { properties: {}, required: [] } : fieldsOf(schema);
  if (!fields || APPROVED in fields.properties || COMMENT in fields.properties) return undefined;
  return {
    message: cut(message ?? `${nodeId} waits for an approval.`),
    requestedSchema: {
      type: 'object',
      properties: {
        [APPROVED]: { type: 'boolean', title: 'Approved', description: 'No rejects it.' },
        ...fields.properties,
        [COMMENT]: { type: 'string', title: 'Comment', maxLength: 2_000 },
      },
      // The other fields are left out by a rejection. The server checks that an approval has them.
      required: [APPROVED],
    },
  };
}

function toolForm({ message, nodeId, toolName, toolArgs }: AskedWait): ElicitationForm {
  const call = `${toolName ?? 'a tool'} with ${JSON.stringify(toolArgs ?? {})}`;
  return {
    message: cut(`${message === undefined ? '' : `${message}\n`}${nodeId} wants to call ${call}.`),
    requestedSchema: {
      type: 'object',
      properties: {
        action: { type: 'string', title: 'Call the tool?', enum: ['approve', 'deny'] },
        reason: { type: 'string', title: 'Reason', maxLength: 2_000 },
      },
      required: ['action'],
    },
  };
}

/** A signal without a schema takes a text. */
function signalForm({ message, nodeId, signal, schema }: AskedWait): ElicitationForm | undefined {
  const text = cut(message ?? `${nodeId} waits for ${signal ?? 'a signal'}.`);
  if (schema && schema['type'] === 'object') {
    const fields = fieldsOf(schema);
    if (!fields) return undefined;
    return { message: text, requestedSchema: { type: 'object', ...fields } };
  }
  const body = schema === undefined ? { type: 'string' as const } : fieldOf(schema);
  if (!body) return undefined;
  return { message: text, requestedSchema: { type: 'object', properties: { body }, required: ['body'] } };
}

/**
 * Makes the answer to a wait of the content of its form. The answer is checked against the schema of the wait when it is recorded.
 */
export function answerOf(
  { kind, schema }: Pick<AskedWait, 'kind' | 'schema'>,
  content: Readonly<Record<string, Json>>,
): AnswerWait {
  switch (kind) {
    case 'approval': {
      const { [APPROVED]: approved, [COMMENT]: comment, ...values } = content;
      const isRejection = approved !== true && Object.keys(values).length === 0;
      return {
        approved: approved === true,
        ...(typeof comment === 'string' && comment !== '' && { comment }),
        ...(schema !== undefined && !isRejection && { values }),
      };
    }
    case 'tool': {
      const { action, reason } = content;
      return {
        action: action === 'approve' ? 'approve' : 'deny',
        ...(typeof reason === 'string' && reason !== '' && { reason }),
      };
    }
    default:
      return { body: schema?.['type'] === 'object' ? { ...content } : (content['body'] ?? null) };
  }
}

/** Returns the fields of an object schema; undefined if MCP's forms cannot have one of them. */
function fieldsOf(
  schema: Record<string, unknown>,
): { properties: Record<string, FormField>; required: string[] } | undefined {
  const { type, properties = {}, required = [] } = schema;
  if (type !== 'object' || !isRecord(properties) || !Array.isArray(required)) return undefined;
  const fields: Record<string, FormField> = {};
  for (const [name, property] of Object.entries(properties)) {
    const field = isRecord(property) ? fieldOf(property) : undefined;
    if (!field) return undefined;
    Object.defineProperty(fields, name, { value: field, enumerable: true });
  }
  // A required member without a property has no field.
  if (required.some((name) => typeof name !== 'string' || !Object.hasOwn(fields, name))) return undefined;
  return { properties: fields, required: required as string[] };
}

function fieldOf(schema: Record<string, unknown>): FormField | undefined {
  const { enum: values, oneOf, items } = schema;
  const type = schema['type'] ?? (isTexts(values) ? 'string' : undefined);
  if (!isFieldType(type) || (values !== undefined && !isTexts(values))) return undefined;
  const known = Object.entries(schema).filter(
    ([keyword, value]) =>
      KEYWORDS[type].includes(keyword) && (keyword !== 'format' || FORMATS.includes(String(value))),
  );
  const field = { ...Object.fromEntries(known), type };
  if (type === 'array') {
    const choices = isRecord(items) ? itemsOf(items) : undefined;
    return choices && { ...field, items: choices };
  }
  if (oneOf === undefined) return field;
  const options = type === 'string' ? optionsOf(oneOf) : undefined;
  return options && { ...field, oneOf: options };
}

/** Returns the texts from which a list is chosen. */
function itemsOf({ enum: values, anyOf, oneOf }: Record<string, unknown>): object | undefined {
  if (isTexts(values)) return { type: 'string', enum: values };
  const options = optionsOf(anyOf ?? oneOf);
  return options && { anyOf: options };
}

/** Returns texts with titles, such as `{ const: 'a', title: 'First' }`. */
function optionsOf(options: unknown): { const: string; title: string }[] | undefined {
  if (!Array.isArray(options) || options.length === 0) return undefined;
  const texts = options.flatMap((option: unknown) =>
    isRecord(option) && typeof option['const'] === 'string'
      ? {
          const: option['const'],
          title: typeof option['title'] === 'string' ? option['title'] : option['const'],
        }
      : [],
  );
  return texts.length === options.length ? texts : undefined;
}

const isFieldType = (type: unknown): type is FormField['type'] =>
  typeof type === 'string' && Object.hasOwn(KEYWORDS, type);

const isTexts = (values: unknown): values is string[] =>
  Array.isArray(values) && values.every((value) => typeof value === 'string');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const cut = (text: string): string =>
  text.length > MESSAGE_MAX_LENGTH ? `${text.slice(0, MESSAGE_MAX_LENGTH - 1).toWellFormed()}…` : text;
