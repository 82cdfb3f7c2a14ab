import type { StartExecution } from '@cloutagent/contract';

type Given = Omit<StartExecution, 'workflow'> & { workflow: unknown };

/** The request of examples/compare.json, for the documentation. */
export const EXAMPLE: Given = {
  projectId: 'demo',
  input: 'Server-sent events',
  workflow: {
    nodes: [
      {
        id: 'pros',
        type: 'agent',
        data: { config: { model: 'demo/echo', prompt: 'For {{input}}, name the strengths.' } },
      },
      {
        id: 'cons',
        type: 'agent',
        data: { config: { model: 'demo/echo', prompt: 'For {{input}}, name the limits.' } },
      },
      {
        id: 'verdict',
        type: 'agent',
        data: {
          config: {
            model: 'demo/echo',
            prompt: 'Weigh {{nodes.pros.output}} against {{nodes.cons.output}}.',
          },
        },
      },
    ],
    edges: [
      { source: 'pros', target: 'verdict' },
      { source: 'cons', target: 'verdict' },
    ],
  },
  options: { timeoutMs: 60_000, maxRetries: 2, limits: { maxTokens: 100_000, maxCostUSD: 1 } },
  tags: ['example'],
};
