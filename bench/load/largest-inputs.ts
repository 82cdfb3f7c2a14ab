// Inputs of callers, each kind as large as the server accepts it: BODY_MAX_BYTES for bodies, Node's 16 KB for the header.
import { gzipSync } from 'node:zlib';

const BODY_BYTES = 1_048_576;
/** Node's limit for the request line and all header fields, minus the bytes that every request needs. */
const HEADER_BYTES = 15_800;

/** A request with an input of the largest size. */
export interface LargestInput {
  readonly kind: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const DELAY = '{"id":"a","type":"delay","data":{"config":{"ms":1}}}';
const START = '{"projectId":"bench","workflow":{"nodes":[';
const post = (kind: string, body: string | Buffer, headers = {}): LargestInput => ({
  kind,
  method: 'POST',
  path: '/api/executions',
  body,
  headers,
});
const agent = '{"model":"demo/echo","prompt":"p"';
const text = (length: number, part: string): string => part.repeat(Math.floor(length / part.length));
const workflow = (kind: string, nodes: object[], edges: object[] = [], more: object = {}): LargestInput =>
  post(kind, JSON.stringify({ projectId: 'bench', input: 'x', workflow: { nodes, edges }, ...more }));
const expression = (kind: string, before: string, part: string): LargestInput =>
  workflow(
    kind,
    Array.from({ length: 50 }, (_unused, index) => ({
      id: `n${index}`,
      type: 'transform',
      data: { config: { expression: before + text(20_000 - before.length, part) } },
    })),
  );
const get = (kind: string, path: string, headers = {}): LargestInput => ({
  kind,
  method: 'GET',
  path,
  headers,
});

const DEPTH = 28;
const chain = (length: number, data: (index: number) => object) =>
  Array.from({ length }, (_unused, index) => ({ id: `n${index}`, type: 'delay', data: data(index) }));
/** Returns as many edges as a workflow may have, without a cycle. */
const edges = (): object[] => {
  const all: object[] = [];
  for (let step = 1; all.length < 2_000; step += 1)
    for (let at = 0; at + step < 500 && all.length < 2_000; at += 1)
      if (Math.floor((at + step) / 6) > Math.floor(at / 6))
        all.push({ source: `n${at}`, target: `n${at + step}` });
  return all;
};

/** Counts lists, objects and members in the same way as the server. */
const partsOf = (json: string): number => json.replaceAll(/"[^"]*"/g, '').match(/[[{:]/g)?.length ?? 0;

/** @param mostParts the setting MAX_JSON_PARTS of the server; Infinity if it has no such setting */
export function largestInputs(mostParts: number): readonly LargestInput[] {
  /** Repeats a list item, separated by commas, up to the size limit of a body or the limit on its parts. */
  const filled = (before: string, part: string | ((index: number) => string), after: string): string => {
    const items: string[] = [];
    let bytes = BODY_BYTES - before.length - after.length;
    const around = partsOf(before + after);
    let parts = mostParts - around;
    for (let index = 0; ; index += 1) {
      const next = typeof part === 'string' ? part : part(index);
      bytes -= next.length + 1;
      // Count the item in its context, because brackets inside a string are not parts.
      parts -= partsOf(before + next + after) - around;
      if (bytes < 0 || parts < 0) return before + items.join(',') + after;
      items.push(next);
    }
  };
  // If fewer members are permitted, their names are longer, so that the body always has its full size.
  const length = mostParts === Infinity ? 1 : Math.floor(BODY_BYTES / mostParts) - 7;
  const keys = (index: number): string => `"k${index.toString(36).padStart(length, '_')}":0`;
  const input = (
    kind: string,
    open: string,
    part: Parameters<typeof filled>[1],
    close: string,
  ): LargestInput => post(kind, filled(`${START}${DELAY}]},"input":${open}`, part, `${close}}`));
  const config = (
    kind: string,
    type: string,
    open: string,
    part: Parameters<typeof filled>[1],
    close: string,
  ): LargestInput =>
    post(
      kind,
      filled(`${START}{"id":"a","type":"${type}","data":{"config":${open}`, part, `${close}}}]},"input":1}`),
    );

  return [
    expression('JSONata: contexts', 'a', '@$x.b'),
    expression('JSONata: positions', 'a', '#$i.b'),
    expression('JSONata: parents', 'a.b.c', '.(%.%)'),
    expression('JSONata: nested', '', '('),

    input('JSON: one text', '"', 'xxxxxxxxxxxxxxxxxxxx', '"'),
    input('JSON: numbers', '[', '0', ']'),
    input('JSON: empty objects', '[', '{}', ']'),
    input('JSON: small objects', '[', '{"a":0}', ']'),
    input('JSON: objects with different members', '[', (index) => `{${keys(index)}}`, ']'),
    input('JSON: one object', '{', keys, '}'),
    input('JSON: one object, by numbers', '{', (index) => `"${(index * 7_919) % 4_294_967_291}":0`, '}'),
    input('JSON: nested lists', '[', '['.repeat(DEPTH) + ']'.repeat(DEPTH), ']'),
    input('JSON: nested objects', '[', '{"a":'.repeat(DEPTH) + '0' + '}'.repeat(DEPTH), ']'),
    post('JSON: too deep', text(BODY_BYTES / 2, '[') + text(BODY_BYTES / 2, ']')),
    post('JSON: broken at its end', filled('{', keys, '')),
    post('JSON: gzip', gzipSync(filled('{', keys, '}')), { 'content-encoding': 'gzip' }),

    post('workflow: invalid nodes', filled(START, '{}', ']},"input":1}')),
    post('workflow: invalid edges', filled(`${START}${DELAY}],"edges":[`, '{}', ']},"input":1}')),
    post('workflow: invalid tags', filled(`${START}${DELAY}]},"input":1,"tags":[`, '0', ']}')),
    post(
      'workflow: edges to unknown nodes',
      filled(`${START}${DELAY}],"edges":[`, '{"source":"b","target":"c"}', ']},"input":1}'),
    ),
    post('workflow: unknown members', filled(`${START}${DELAY}],`, keys, '},"input":1}')),
    post(
      'workflow: members similar to words',
      filled(
        `${START}{"id":"a","type":"delay","data":{"config":{"ms":1},`,
        (index) => `"${index % 2 === 0 ? 'timeo' : 'maxRe'}${index.toString(36).padStart(4, '_')}":0`,
        '}}]},"input":1}',
      ),
    ),
    post('request: unknown members', filled(`${START}${DELAY}]},"input":1,`, keys, '}')),
    workflow(
      'workflow: 500 nodes, 2,000 edges',
      chain(500, () => ({ config: { ms: 1 } })),
      edges(),
    ),
    workflow(
      'workflow: a cycle of 500 nodes',
      chain(500, () => ({ config: { ms: 1 } })),
      Array.from({ length: 500 }, (_unused, index) => ({
        source: `n${index}`,
        target: `n${(index + 1) % 500}`,
      })),
    ),
    workflow(
      'workflow: references to earlier nodes',
      chain(500, (index) => ({
        config: { text: text(1_900, `{{nodes.n${Math.max(0, index - 300)}.output}}`) },
      })),
      edges(),
    ),

    config('config: placeholders', 'agent', '{"model":"demo/echo","prompt":"', '{{input}}', '"}'),
    config('config: half placeholders', 'agent', '{"model":"demo/echo","prompt":"', '{{nodes.a.output', '"}'),
    config(
      'config: placeholders of unknown nodes',
      'agent',
      '{"model":"demo/echo","prompt":"',
      '{{nodes.b.output}}',
      '"}',
    ),
    config(
      'config: spaces in a placeholder',
      'agent',
      '{"model":"demo/echo","prompt":"{{input',
      '          ',
      '"}',
    ),
    config('config: unknown members', 'agent', `${agent},`, keys, '}'),
    config('config: invalid tools', 'agent', `${agent},"tools":[`, '{}', ']}'),
    config(
      'config: schema of a tool',
      'agent',
      `${agent},"tools":[{"name":"t","description":"d","http":{"url":"http://x"},"inputSchema":{"type":"object","properties":{`,
      keys,
      '}}}]}',
    ),
    config(
      'config: nested schema of a tool',
      'agent',
      `${agent},"tools":[{"name":"t","description":"d","http":{"url":"http://x"},"inputSchema":{"type":"object","enum":[`,
      '['.repeat(16) + ']'.repeat(16),
      ']}}]}',
    ),
    config('config: options of a provider', 'agent', `${agent},"providerOptions":{"other":{`, keys, '}}}'),
    config(
      'config: options of the demo provider',
      'agent',
      `${agent},"providerOptions":{"demo":{`,
      keys,
      '}}}',
    ),
    config(
      'config: header fields',
      'http',
      '{"url":"http://127.0.0.1:1","headers":{',
      // The server accepts 200 header fields.
      (index) => `"h${index}":"${mostParts === Infinity ? '' : 'x'.repeat(5_300)}"`,
      '}}',
    ),
    config(
      'config: body of a request',
      'http',
      '{"url":"http://127.0.0.1:1","method":"POST","body":{',
      keys,
      '}}',
    ),
    config('config: statuses', 'http', '{"url":"http://127.0.0.1:1","expectStatus":[', '0', ']}'),
    workflow(
      'config: internationalised hosts',
      Array.from({ length: 40 }, (_unused, index) => ({
        id: `n${index}`,
        type: 'http',
        data: { config: { url: `http://${text(8_100, 'ü')}/` }, maxRetries: 0 },
      })),
    ),

    workflow('output: objects', [
      {
        id: 'a',
        type: 'transform',
        data: {
          config: {
            expression:
              mostParts === Infinity
                ? '[1..100000].{"k":1}'
                : `[1..${Math.floor(mostParts / 2) - 10}].{"k":$pad("",80,"x")}`,
          },
        },
      },
    ]),

    ...(['executionIds', 'status'] as const).map((name) => ({
      kind: `ticket: ${name}`,
      method: 'POST' as const,
      path: '/api/executions/stream-tickets',
      body: filled(`{"${name}":[`, (index) => `"${index}"`, ']}'),
    })),
    ...(['projects', 'scopes'] as const).map((name) => ({
      kind: `key: ${name}`,
      method: 'POST' as const,
      path: '/api/keys',
      body: filled(`{"name":"k","projects":["bench"],"scopes":["executions:read"],"${name}":[`, '0', ']}'),
    })),

    get('query: brackets', `/api/executions?${text(HEADER_BYTES, '[')}=`),
    get('query: parameters', `/api/executions?${text(HEADER_BYTES, 'a&')}`),
    get('query: percent signs', `/api/executions?tag=${text(HEADER_BYTES, '%41')}`),
    get('query: statuses', `/api/executions?status=${text(HEADER_BYTES, 'x,')}`),
    get('query: types', `/api/executions/stream?types=${text(HEADER_BYTES, 'x,')}`),
    get('query: ids', `/api/executions/stream?executionIds=${text(HEADER_BYTES, 'x,')}`),
    get('path', `/api/executions/${text(HEADER_BYTES, '%41')}`),
    get('path: segments', text(HEADER_BYTES, '/a')),
    get('cursor of a stream of many executions', '/api/executions/stream', {
      'last-event-id': text(HEADER_BYTES, 'A'),
    }),
    get(
      'cursor of a stream of one execution',
      '/api/executions/0199c0de-0000-7000-8000-000000000001/stream',
      {
        'last-event-id': text(HEADER_BYTES, '9'),
      },
    ),
    get('key', '/api/executions', { authorization: `Bearer ${text(HEADER_BYTES, 'a')}` }),
    get('key: spaces', '/api/executions', { authorization: `Bearer${text(HEADER_BYTES, ' ')}x x` }),
    get('token', '/api/executions', {
      authorization: `Bearer ${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${text(HEADER_BYTES, 'e')}.e`,
    }),
    get('request id', '/api/executions', { 'x-request-id': text(HEADER_BYTES, 'a') }),
    get('encodings', '/api/executions', { 'accept-encoding': text(HEADER_BYTES, 'gzip;q=0.1,') }),
    get('forwarded addresses', '/api/executions', { 'x-forwarded-for': text(HEADER_BYTES, '1.1.1.1,') }),
    get('host', '/api/executions', { host: text(HEADER_BYTES, 'a.') }),
    {
      ...post('idempotency key', `${START}${DELAY}]}}`),
      headers: { 'idempotency-key': text(HEADER_BYTES, 'a') },
    },
  ];
}
