import createClient from 'openapi-fetch';
import type { components, paths } from './generated/openapi-fetch.js';
import { apiKey, distinct, framesIn, report, UNKNOWN_ID, url, WORKFLOW } from './report.js';

const client = createClient<paths>({
  baseUrl: url,
  headers: { authorization: `Bearer ${apiKey}` },
  // openapi-fetch does not read `explode: false` from the document, so it needs this option.
  querySerializer: { array: { style: 'form', explode: false } },
});

const { data: execution, response } = await client.POST('/api/executions', {
  body: { projectId: 'demo', workflow: WORKFLOW, tags: ['generated'] },
});
// With Accept: text/event-stream it would be a text.
if (!execution || typeof execution === 'string') throw new Error('no execution was started');
const { id } = execution;

const stream = await client.GET('/api/executions/{executionId}/stream', {
  params: { path: { executionId: id } },
  parseAs: 'text',
});
const frames = framesIn(String(stream.data)) as components['schemas']['StreamData'][];
for (const frame of frames) if (frame.type === 'execution:output') frame.chunk satisfies string;

const ended = await client.GET('/api/executions/{executionId}', { params: { path: { executionId: id } } });
const list = await client.GET('/api/executions', {
  params: { query: { status: ['completed', 'failed'], tag: 'generated' } },
});
const missing = await client.GET('/api/executions/{executionId}', {
  params: { path: { executionId: UNKNOWN_ID } },
});
const invalid = await client.POST('/api/executions', {
  body: { projectId: 'demo', workflow: { nodes: [] } },
});
const created = await client.POST('/api/keys', {
  body: { name: 'generated', projects: ['demo'], scopes: ['executions:read'] },
});
const keyId = created.data?.id ?? '';
const keys = await client.GET('/api/keys');
const revoked = await client.DELETE('/api/keys/{keyId}', { params: { path: { keyId } } });

report({
  started: { status: ended.data?.status ?? '', location: response.headers.get('location') },
  isListed: list.data?.executions.some((item) => item.id === id) ?? false,
  problem: { status: missing.error?.status ?? 0, code: missing.error?.code ?? '' },
  invalid: invalid.error?.errors?.map(({ path }) => path) ?? [],
  key: {
    scopes: created.data?.scopes ?? [],
    isListed: keys.data?.keys.some((key) => key.id === keyId) ?? false,
    revoked: revoked.response.status,
  },
  frames: distinct(frames.map(({ type }) => type)),
});
