import type { JsonSchema } from './json-schema.js';

interface Header {
  description: string;
  schema: JsonSchema;
  example: string | number;
}

const seconds: JsonSchema = { type: 'integer', minimum: 0 };

/** Headers of responses. The document has them in `components.headers`. */
export const RESPONSE_HEADERS = {
  'X-Request-Id': {
    description: 'Id of the request: the one that the client sent, or a new one. The server log has it too.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
    example: '0c1de5d8-5a43-4c2e-9b0f-7d2b1f6a9e31',
  },
  'RateLimit-Limit': {
    description: 'How many requests the caller may send in one window (RATE_LIMIT_REQUESTS).',
    schema: { type: 'integer', minimum: 0 },
    example: 600,
  },
  'RateLimit-Remaining': {
    description: 'How many requests the caller may still send in this window.',
    schema: { type: 'integer', minimum: 0 },
    example: 599,
  },
  'RateLimit-Reset': { description: 'Seconds until the window ends.', schema: seconds, example: 60 },
  'Retry-After': {
    description: 'Seconds after which to send the request again.',
    schema: seconds,
    example: 5,
  },
  Location: {
    description: 'Path of the new resource.',
    schema: { type: 'string', format: 'uri-reference' },
    example: '/api/executions/0199c0de-0000-7000-8000-000000000001',
  },
  ETag: {
    description: 'The version of the resource, for If-Match.',
    schema: { type: 'string' },
    example: '"3"',
  },
  'Idempotency-Replayed': {
    description: 'Present if an earlier request with the same Idempotency-Key made the resource.',
    schema: { type: 'string', const: 'true' },
    example: 'true',
  },
  'Preference-Applied': {
    description:
      'Present if the server honours `Prefer: wait`: how many seconds it waits at most (RFC 7240).',
    schema: { type: 'string', pattern: '^wait=\\d+$' },
    example: 'wait=30',
  },
  'WWW-Authenticate': {
    description: 'The scheme to authenticate with (RFC 9110, section 11.6.1).',
    schema: { type: 'string' },
    example: 'Bearer',
  },
  Deprecation: {
    description: 'Since when the operation is deprecated, in seconds since 1970 (RFC 9745).',
    schema: { type: 'string', pattern: '^@\\d+$' },
    example: '@1803859200',
  },
  Sunset: {
    description: 'When the operation will be removed (RFC 8594).',
    schema: { type: 'string' },
    example: 'Wed, 01 Sep 2027 00:00:00 GMT',
  },
  Link: {
    description: 'A page that says what to use instead, with `rel="deprecation"`.',
    schema: { type: 'string' },
    example: '<https://docs.example.com/moved>; rel="deprecation"; type="text/html"',
  },
  Allow: {
    description: 'The methods that the path has.',
    schema: { type: 'string' },
    example: 'GET, HEAD, POST',
  },
} as const satisfies Record<string, Header>;
export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

/** Headers of requests. The document has them in `components.parameters`. */
export const REQUEST_HEADERS = {
  'Idempotency-Key': {
    description:
      'Requests with the same key have one effect together, and get the same response. The order of members in the body does not ' +
      'count. 1 to 255 printable ASCII characters without spaces.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
    example: '8f14e45f-ceea-467f-9b1c-6a1a2b3c4d5e',
  },
  'If-Match': {
    description:
      'The request is refused with 412 unless the newest version has one of these entity tags. `*`: unless there is a version.',
    schema: { type: 'string' },
    example: '"3"',
  },
  'If-None-Match': {
    description: '`*`: the request is refused with 412 if there is a version.',
    schema: { type: 'string' },
    example: '*',
  },
  'Last-Event-ID': {
    description:
      'The id of the last frame received. The stream continues after it. It wins over the parameter `lastEventId`.',
    schema: { type: 'string' },
    example: '12',
  },
  Prefer: {
    description:
      '`wait=30` waits up to 30 seconds for the end of the execution (RFC 7240). Other preferences and wrong values are ignored.',
    schema: { type: 'string' },
    example: 'wait=30',
  },
} as const satisfies Record<string, Header>;
export type RequestHeader = keyof typeof REQUEST_HEADERS;

/** Headers of successful responses of a deprecated route. */
export const HEADERS_OF_DEPRECATED: readonly ResponseHeader[] = ['Deprecation', 'Sunset', 'Link'];

/** Headers of every response of a route. */
export const headersOfEvery = (isThrottled: boolean): ResponseHeader[] => [
  'X-Request-Id',
  ...(isThrottled ? (['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'] as const) : []),
];

/** Refers to headers of `components.headers`. */
export const headerReferences = (names: readonly ResponseHeader[]): Record<string, { $ref: string }> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
