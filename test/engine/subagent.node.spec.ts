import type { TestingModule } from '@nestjs/testing';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-providers.js';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';
import { SubagentNode } from '../../src/engine/agents/subagent.node.js';

let server: FakeModelServer;
let module: TestingModule;

beforeAll(async () => {
  server = await startFakeModelServer();
  module = await nodeTypes({ ANTHROPIC_API_KEY: 'key', ANTHROPIC_BASE_URL: server.url });
});
afterAll(async () => {
  await module.close();
  await server.close();
});

const ask = async (config: Record<string, unknown>, more: object) => {
  const subagent = module.get(SubagentNode);
  const parsed = subagent.config.parse({
    model: 'anthropic/x',
    name: 'Ada',
    instructions: 'Count precisely.',
    ...config,
  });
  expect(await subagent.run(testRun(parsed, more))).toBe('Hello world');
  return JSON.stringify(server.requests.at(-1)!.body);
};

it('sends its name and instructions as the system prompt, and its task as the prompt', async () => {
  const body = await ask({ task: 'Count to 3.' }, { inputs: { a: 'ignored' } });
  expect(body).toContain('You are Ada.\\n\\nCount precisely.');
  expect(body).toContain('Count to 3.');
  expect(body).not.toContain('ignored');
});

it.each<[string, object, string]>([
  ['the output of its parent', { inputs: { a: 'handed over' } }, '"text":"handed over"'],
  [
    'the outputs of its parents',
    { inputs: { a: 'one', b: { n: 2 } } },
    '## a\\n\\none\\n\\n## b\\n\\n{\\"n\\":2}',
  ],
  ['the input if it has no parent', { input: ['in'] }, '[\\"in\\"]'],
  ['a placeholder text if the input is empty', { input: '' }, 'nothing was handed over'],
])('without a task uses as its prompt: %s', async (_what, more, expected) => {
  expect(await ask({}, more)).toContain(expected);
});
