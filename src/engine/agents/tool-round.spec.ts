import type { Json } from '@cloutagent/contract';
import { testRun } from '../../../test/support/node-run.js';
import { SecretRedactor } from '../../config/secret-redactor.js';
import type { RoundCall } from '../extension/agent-run.js';
import type { AgentTool } from '../tools/agent-tool.js';
import type { AgentTools } from './agent-tools.js';
import { ToolRounds } from './tool-round.js';

/** A call that was under way when its process died. */
const cutOff = (): RoundCall => ({
  round: 1,
  index: 0,
  toolId: 'c',
  toolName: 'pay',
  args: { amount: 900 },
  refusal: undefined,
  started: true,
  result: undefined,
  recorded: false,
});

/** Carries out such a call in the next attempt. */
async function carryOut(tool: AgentTool | undefined, more: Parameters<typeof testRun>[1] = {}) {
  const run = testRun({}, more);
  const tools = { named: () => tool, modelNames: [] } as unknown as AgentTools;
  const rounds = new ToolRounds({ run, tools, conditions: {} as never, secrets: () => new SecretRedactor() });
  const call = cutOff();
  await rounds.carryOut({ round: 1, content: [], problem: undefined, calls: [call] }, false);
  return call.result!;
}

it('passes the arguments of a person through the interceptors also when it sends a call again', async () => {
  const sent: Json[] = [];
  const tool: AgentTool = {
    name: 'pay',
    description: 'Pays.',
    inputSchema: { type: 'object' },
    approval: {} as never,
    mayRepeat: true,
    call: ({ args }) => {
      sent.push(args);
      return Promise.resolve({ result: 'paid', isError: false });
    },
  };
  const answered = { outcome: 'answered', action: 'approve', args: { amount: 1 }, by: 'p', reason: null };
  await carryOut(tool, {
    endedWait: () => answered as never,
    toolHooks: {
      before: ({ args }) => Promise.resolve({ args: { ...(args as object), by: 'policy' } }),
      after: (_call, result) => Promise.resolve(result),
    },
  });
  expect(sent).toEqual([{ amount: 1, by: 'policy' }]);
});

it('says that the effect of a call is not known also if its tool is gone', async () => {
  expect(await carryOut(undefined)).toEqual({
    result: expect.stringContaining('It is not known whether this call had its effect'),
    isError: true,
  });
});
