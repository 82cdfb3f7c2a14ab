import * as api from './generated/orval.js';
import { apiKey, distinct, framesIn, report, UNKNOWN_ID, url, WORKFLOW } from './report.js';

// The generated functions call the global fetch, with a path.
const { fetch } = globalThis;
globalThis.fetch = (path, options) => {
  const headers = new Headers(options?.headers);
  headers.set('authorization', `Bearer ${apiKey}`);
  return fetch(new URL(path as string, url), { ...options, headers });
};

const started = await api.startExecution({ projectId: 'demo', workflow: WORKFLOW, tags: ['generated'] });
if (started.status !== 202) throw new Error(`no execution was started: ${started.status}`);
const { id } = started.data;

const stream = await api.streamExecution(id);
const frames = framesIn(String(stream.data)) as api.StreamData[];
for (const frame of frames) if (frame.type === 'execution:output') frame.chunk satisfies string;

const ended = await api.getExecution(id);
const list = await api.listExecutions({ status: ['completed', 'failed'], tag: 'generated' });
const missing = await api.getExecution(UNKNOWN_ID);
const invalid = await api.startExecution({ projectId: 'demo', workflow: { nodes: [] } });
const created = await api.createKey({
  name: 'generated',
  projects: ['demo'],
  scopes: ['executions:read'],
});
if (created.status !== 201) throw new Error(`no key was made: ${created.data.detail}`);
const keys = await api.listKeys();
const revoked = await api.revokeKey(created.data.id);

report({
  started: {
    status: ended.status === 200 ? ended.data.status : '',
    location: started.headers.get('location'),
  },
  isListed: list.status === 200 && list.data.executions.some((item) => item.id === id),
  problem:
    missing.status === 404
      ? { status: missing.status, code: missing.data.code }
      : { status: missing.status, code: '' },
  invalid: invalid.status === 400 ? (invalid.data.errors ?? []).map(({ path }) => path) : [],
  key: {
    scopes: created.data.scopes,
    isListed: keys.status === 200 && keys.data.keys.some((key) => key.id === created.data.id),
    revoked: revoked.status,
  },
  frames: distinct(frames.map(({ type }) => type)),
});
