import { type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export type Schema = Record<string, unknown>;
interface Reference {
  $ref: string;
}
export interface Media {
  schema: Schema;
  examples?: Record<string, { value: unknown } | Reference>;
}
interface Header {
  schema: Schema;
  required?: boolean;
}
export interface ResponseObject {
  description: string;
  headers?: Record<string, Header | Reference>;
  content?: Record<string, Media>;
}
export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  explode?: boolean;
  schema: Schema;
  example?: unknown;
}
export interface Operation {
  operationId: string;
  tags: string[];
  description: string;
  'x-required-scope'?: string;
  security: Record<string, string[]>[];
  parameters: (Parameter | Reference)[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, ResponseObject | Reference>;
}
export interface OpenApiDocument {
  openapi: string;
  info: { description: string };
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Schema>;
    responses: Record<string, ResponseObject>;
    headers: Record<string, Header>;
    examples: Record<string, { value: unknown }>;
  };
}

/** A response of the server, with the request that it answers. */
export interface Exchange {
  method: string;
  path: string;
  status: number;
  headers: Headers;
  text: string;
}

const DOCUMENT = 'openapi.json';
/** Below these, a request that reaches no operation is answered in the form of a protocol, which the document cannot say. */
const PROTOCOLS = ['/api/a2a/', '/api/ag-ui/', '/v1/'];

/** Compares responses of the server with the OpenAPI document. */
export class OpenApiValidator {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(private readonly document: OpenApiDocument) {
    (addFormats as unknown as (ajv: Ajv2020) => void)(this.ajv);
    this.ajv.addSchema(closed(document), DOCUMENT);
  }

  /** Returns what is not as documented: nothing for a response that is. */
  check({ method, path, status, headers, text }: Exchange): string[] {
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    if (PROTOCOLS.some((prefix) => path.startsWith(prefix)) && this.templateOf(path, verb) === undefined)
      return text === '' || this.hasCode(text) ? [] : ['has no code'];
    const found = this.responseOf(method, path, status);
    if (typeof found === 'string') return [found];
    const { response, pointer, codes } = found;
    return [
      ...this.checkHeaders(response, headers),
      ...(method === 'HEAD' || status === 204
        ? text === ''
          ? []
          : ['has a body']
        : this.checkBody(response, { pointer, codes, headers, text })),
    ];
  }

  /** Returns all operations with their path and method. */
  operations(): { path: string; method: string; operation: Operation }[] {
    return Object.entries(this.document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    );
  }

  /** Checks a value against a schema of the document. Returns what does not fit. */
  checkValue(pointer: string, value: unknown): string[] {
    let validate = this.compiled.get(pointer);
    if (!validate) this.compiled.set(pointer, (validate = this.ajv.compile({ $ref: DOCUMENT + pointer })));
    return validate(value) ? [] : (validate.errors ?? []).map(describe);
  }

  resolve<T extends object>(value: T | Reference): T {
    return '$ref' in value ? (this.at(value.$ref) as T) : value;
  }

  /** Whether a body has a documented code, as a value of any member. */
  private hasCode(text: string): boolean {
    const known = this.document.components.examples;
    return Array.from(text.matchAll(/"code":"([a-z_0-9]+)"/g)).some(([, code = '']) => code in known);
  }

  private responseOf(
    method: string,
    path: string,
    status: number,
  ): { response: ResponseObject; pointer: string; codes: string[] } | string {
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const template = this.templateOf(path, verb);
    const operation = template === undefined ? undefined : this.document.paths[template]?.[verb];
    // A request that reaches no operation gets the response that every operation has for it.
    const [responses, base] = operation
      ? [operation.responses, `#/paths/${escaped(template!)}/${verb}/responses`]
      : [this.document.components.responses, '#/components/responses'];
    const name = operation ? String(status) : ({ 405: 'MethodNotAllowed' }[status] ?? 'Problem');
    const chosen = name in responses ? name : 'default';
    if (!(chosen in responses)) return `status ${status} is not documented`;
    const given = responses[chosen]!;
    const response = this.resolve(given);
    const { examples = {} } = response.content?.['application/problem+json'] ?? {};
    return {
      response,
      pointer: '$ref' in given ? given.$ref : `${base}/${chosen}`,
      // A request that reaches no operation may still be refused for its body.
      codes: Object.keys(operation ? examples : this.document.components.examples),
    };
  }

  /** Paths without parameters win, as the specification says, if they have the method. */
  private templateOf(path: string, verb: string): string | undefined {
    const { pathname } = new URL(path, 'http://localhost');
    return Object.entries(this.document.paths)
      .filter(([, item]) => verb in item)
      .map(([template]) => template)
      .toSorted((a, b) => a.split('{').length - b.split('{').length)
      .find((template) => new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`).test(pathname));
  }

  private checkHeaders({ headers: documented = {} }: ResponseObject, headers: Headers): string[] {
    const known = Object.keys(this.document.components.headers);
    const missing = known
      .filter((name) => headers.has(name) && !(name in documented))
      .map((name) => `header ${name} is not documented`);
    return [
      ...missing,
      ...Object.entries(documented).flatMap(([name, header]) => {
        const { schema, required } = this.resolve(header);
        const text = headers.get(name);
        if (text === null) return required ? [`header ${name} is missing`] : [];
        const value = schema['type'] === 'integer' ? Number(text) : text;
        return this.ajv.validate(schema, value) ? [] : [`header ${name} is ${text}`];
      }),
    ];
  }

  private checkBody(
    { content = {} }: ResponseObject,
    { pointer, codes, headers, text }: { pointer: string; codes: string[]; headers: Headers; text: string },
  ): string[] {
    const type = headers.get('content-type')?.split(';')[0]?.trim() ?? '';
    const media = content[type];
    if (!media) return [`content type ${type} is not documented`];
    const schema = `${pointer}/content/${escaped(type)}/schema`;
    const isText = this.checkValue(schema, '').length === 0;
    if (type === 'text/event-stream' && !isText)
      return dataOf(text).flatMap((data) => this.checkValue(schema, JSON.parse(data)));
    if (isText || !type.endsWith('json')) return this.checkValue(schema, text);
    const body = JSON.parse(text) as { code?: string };
    const isProblem = type === 'application/problem+json';
    return [
      ...this.checkValue(schema, body),
      ...(isProblem && !codes.includes(body.code!) ? [`code ${body.code} is not documented`] : []),
    ];
  }

  private at(reference: string): unknown {
    return reference
      .slice(2)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], this.document);
  }
}

/** Returns `data` of each frame that has some. */
const dataOf = (stream: string): string[] =>
  stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length));

const escaped = (part: string): string =>
  encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')).replaceAll('%7E', '~');

const describe = ({ instancePath, message, params }: ErrorObject): string =>
  `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`;

/** Forbids members that a schema does not name. The document itself allows them, because a later release may add some. */
function closed<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => closed(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, closed(item as unknown)]));
  const isOpen = copy['type'] === 'object' && 'properties' in copy && !('additionalProperties' in copy);
  return (isOpen ? { ...copy, additionalProperties: false } : copy) as T;
}
