import { client } from './generated/hey-api/client.gen.js';
import * as api from './generated/hey-api/index.js';
import { apiKey, distinct, report, UNKNOWN_ID, url, WORKFLOW } from './report.js';

client.setConfig({ baseUrl: url, auth: apiKey });

const { data: execution, response } = await api.startExecution({
  body: { projectId: 'demo', workflow: WORKFLOW, tags: ['generated'] },
});
if (!execution) throw new Error('no execution was started');
const path = { executionId: execution.id };

const types: string[] = [];
const { stream } = await api.streamExecution({ path });
for await (const frame of stream) {
  // A stream may be answered with 204, so its type includes no frame.
  if (!frame) continue;
  types.push(frame.type);
  if (frame.type === 'execution:output') frame.chunk satisfies string;
  // The client would connect again, and be answered with 204.
  if (frame.type === 'execution:completed') break;
}

const ended = await api.getExecution({ path });
const list = await api.listExecutions({ query: { status: ['completed', 'failed'], tag: 'generated' } });
const missing = await api.getExecution({ path: { executionId: UNKNOWN_ID } });
const invalid = await api.startExecution({ body: { projectId: 'demo', workflow: { nodes: [] } } });
const created = await api.createKey({
  body: { name: 'generated', projects: ['demo'], scopes: ['executions:read'] },
});
const keyId = created.data?.id ?? '';
const keys = await api.listKeys();
const revoked = await api.revokeKey({ path: { keyId } });

report({
  started: { status: ended.data?.status ?? '', location: response?.headers.get('location') ?? null },
  isListed: list.data?.executions.some(({ id }) => id === execution.id) ?? false,
  problem: { status: missing.error?.status ?? 0, code: missing.error?.code ?? '' },
  invalid: invalid.error?.errors?.map((error) => error.path) ?? [],
  key: {
    scopes: created.data?.scopes ?? [],
    isListed: keys.data?.keys.some(({ id }) => id === keyId) ?? false,
    revoked: revoked.response?.status ?? 0,
  },
  frames: distinct(types),
});
