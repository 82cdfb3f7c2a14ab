import type { SavedWorkflow, SavedWorkflowSummary, SaveWorkflow, WorkflowDiff } from '@cloutagent/contract';

export const EXAMPLE_CONTENT: SaveWorkflow = {
  workflow: {
    nodes: [
      {
        id: 'answer',
        type: 'agent',
        data: { config: { model: 'demo/echo', prompt: 'Explain {{input.topic}}.' } },
      },
    ],
    edges: [],
  },
  inputSchema: { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'] },
  options: { limits: { maxCostUSD: 1 } },
  description: 'Explains a topic.',
  tags: ['support'],
};

export const EXAMPLE_SUMMARY: SavedWorkflowSummary = {
  projectId: 'demo',
  name: 'explain',
  version: 3,
  description: 'Explains a topic.',
  tags: ['support'],
  aliases: { production: 2 },
  nodes: 1,
  hasInputSchema: true,
  createdAt: '2026-11-27T09:00:00.000Z',
  createdBy: 'key:0199c0de-0000-7000-8000-000000000002',
};

export const EXAMPLE_SAVED: SavedWorkflow = {
  ...EXAMPLE_SUMMARY,
  workflow: EXAMPLE_CONTENT.workflow,
  inputSchema: EXAMPLE_CONTENT.inputSchema!,
  options: EXAMPLE_CONTENT.options!,
};

export const EXAMPLE_DIFF: WorkflowDiff = {
  from: 2,
  to: 3,
  changes: [
    {
      op: 'replace',
      path: '/workflow/nodes/answer/data/config/prompt',
      from: 'Explain {{input}}.',
      to: 'Explain {{input.topic}}.',
    },
  ],
  isComplete: true,
};
