import type { Execution, PutScheduleInput, PutTriggerInput, Schedule, Trigger } from '@cloutagent/contract';

const ID = '0199c0de-0000-7000-8000-000000000001';

export const EXAMPLE_PUT_SCHEDULE: PutScheduleInput = {
  workflowRef: 'report@production',
  input: { days: 1 },
  cron: '30 2 * * 1-5',
  timeZone: 'Europe/Berlin',
  overlap: 'skip',
  catchUp: 'one',
};
export const EXAMPLE_SCHEDULE: Schedule = {
  projectId: 'demo',
  name: 'nightly',
  workflowRef: 'report@production',
  input: { days: 1 },
  cron: '30 2 * * 1-5',
  timeZone: 'Europe/Berlin',
  overlap: 'skip',
  catchUp: 'one',
  enabled: true,
  nextAt: '2026-11-24T01:30:00.000Z',
  lastAt: '2026-11-23T01:30:00.000Z',
  lastExecutionId: ID,
  lastError: null,
  createdAt: '2026-11-01T09:00:00.000Z',
  updatedAt: '2026-11-01T09:00:00.000Z',
  createdBy: 'key:0199c0de-0000-7000-8000-000000000002',
};
export const EXAMPLE_EXECUTION: Execution = {
  id: ID,
  projectId: 'demo',
  status: 'queued',
  input: { days: 1 },
  steps: [],
  tokenUsage: { input: 0, output: 0, total: 0 },
  costUSD: 0,
  createdAt: '2026-11-23T18:00:00.000Z',
  lastSequence: 0,
  tags: [],
  workflow: { name: 'report', version: 3 },
};
export const EXAMPLE_PUT_TRIGGER: PutTriggerInput = {
  workflowRef: 'triage',
  source: 'github',
  secret: 'GITHUB_WEBHOOK_SECRET',
  map: '{ "title": body.issue.title, "event": headers."x-github-event" }',
};
export const EXAMPLE_TRIGGER: Trigger = {
  projectId: 'demo',
  name: 'issues',
  workflowRef: 'triage',
  source: 'github',
  secret: 'GITHUB_WEBHOOK_SECRET',
  map: '{ "title": body.issue.title, "event": headers."x-github-event" }',
  enabled: true,
  address: 'https://agents.example.com/api/hooks/demo/issues',
  lastAt: '2026-11-23T18:00:00.000Z',
  lastExecutionId: ID,
  lastError: null,
  createdAt: '2026-11-01T09:00:00.000Z',
  updatedAt: '2026-11-01T09:00:00.000Z',
  createdBy: 'key:0199c0de-0000-7000-8000-000000000002',
};
