import { Buffer } from 'node:buffer';
import { crc32, deflateSync } from 'node:zlib';

/** An event without the fields that every event has. */
export type EventDraft = { type: string } & Record<string, unknown>;

/** Makes the bytes of a PNG of noise (RFC 2083), which hardly compresses. */
export function noisePng(width: number, height: number): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  let seed = 1;
  for (let at = 0; at < rows.length; at += 1) {
    seed = (seed * 48_271) % 2_147_483_647;
    // The first byte of a row is its filter: none.
    rows[at] = at % (1 + width * 3) === 0 ? 0 : seed % 256;
  }
  const chunk = (type: string, data: Buffer): Buffer => {
    const content = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(content));
    return Buffer.concat([length, content, checksum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Drafts of the events of one agent. */
export const agentEvents = (nodeId: string) => ({
  step: (attempt: number, status: string, more: object = {}): EventDraft => ({
    type: 'execution:step',
    step: nodeId,
    stepId: `${nodeId}-${attempt}`,
    nodeId,
    nodeType: 'agent',
    status,
    attempt,
    ...more,
  }),
  output: (attempt: number, chunk: string): EventDraft => ({
    type: 'execution:output',
    stepId: `${nodeId}-${attempt}`,
    nodeId,
    chunk,
  }),
  call: (attempt: number, toolId: string, toolName: string, toolArgs: unknown): EventDraft => ({
    type: 'execution:tool-call',
    stepId: `${nodeId}-${attempt}`,
    nodeId,
    toolId,
    toolName,
    toolArgs,
  }),
  result: (attempt: number, toolId: string, result: unknown, more: object = {}): EventDraft => ({
    type: 'execution:tool-result',
    stepId: `${nodeId}-${attempt}`,
    nodeId,
    toolId,
    result,
    isError: false,
    ...more,
  }),
  usage: (input: number, output: number, call: object, model = 'anthropic/large'): EventDraft[] => [
    {
      type: 'execution:token-usage',
      nodeId,
      model,
      usage: { input, output, total: input + output },
      call,
    },
    {
      type: 'execution:cost-update',
      totalCostUSD: 0.02,
      modelUsage: { [model]: { input, output, costUSD: 0.02 } },
    },
  ],
});

/** The output of the agent in `interruptedAgent`. */
export const KEPT_OUTPUT = 'I look at the chart. It rises, and then';

/** The journal of an agent that was interrupted in its second round, continued, and was cut off at its end. */
export function interruptedAgent(image: { data: string; mimeType: string }): EventDraft[] {
  const agent = agentEvents('researcher');
  const first = [
    { type: 'execution:started', projectId: 'demo', attempt: 1 },
    agent.step(1, 'running'),
    agent.output(1, 'I look at the chart.'),
    agent.call(1, 'c1', 'charts/draw', { of: 'sales' }),
    agent.call(1, 'c2', 'crm/find', { name: 'Ada' }),
    agent.call(1, 'c3', 'crm/delete', { id: 7 }),
    ...agent.usage(1_000, 60, {
      input: 1_000,
      output: 60,
      cached: { read: 900, written: 0 },
      reasoning: 40,
      finishReason: 'tool-calls',
    }),
    agent.result(1, 'c1', {
      content: [
        { type: 'text', text: 'Sales' },
        { type: 'image', ...image },
      ],
    }),
  ];
  return [
    ...first,
    agent.output(1, 'Nobody keeps this text.'),
    agent.step(1, 'retrying', {
      keptThrough: first.length,
      incomplete: true,
      error: 'The connection to the model broke.',
      code: 'model_unreachable',
    }),
    {
      type: 'execution:retry',
      nodeId: 'researcher',
      attempt: 2,
      delayMs: 10,
      error: 'The connection to the model broke.',
    },
    agent.step(2, 'running', { continues: 'researcher-1' }),
    agent.result(2, 'c2', { id: 12 }, { toolArgs: { name: 'Ada Lovelace' } }),
    agent.result(2, 'c3', 'A person denied this call: too risky', { isError: true }),
    agent.output(2, ' It rises, and then'),
    ...agent.usage(2_000, 160, { input: 1_000, output: 100, finishReason: 'length', incomplete: true }),
    agent.step(2, 'completed', { output: 'It rises, and then', finishReason: 'length', incomplete: true }),
    {
      type: 'execution:completed',
      result: {
        output: 'It rises, and then',
        tokenUsage: { input: 2_000, output: 160, total: 2_160 },
        costUSD: 0.02,
        duration: 19_000,
      },
    },
  ];
}
