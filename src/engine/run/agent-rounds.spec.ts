import type { RoundCall } from '../extension/agent-run.js';
import { AgentRounds } from './agent-rounds.js';
import { CallsUnderWay } from './calls-under-way.js';
import { KeptOutputs } from './kept-output.js';
import type { NodeScope } from './node-scope.js';
import { PauseGate } from './pause-gate.js';
import type { RunningStep } from './step-events.js';

const call = (): RoundCall => ({
  round: 1,
  index: 0,
  toolId: 'c',
  toolName: 'pay',
  args: {},
  refusal: undefined,
  started: true,
  result: undefined,
  recorded: false,
});

function setUp() {
  const appended: boolean[] = [];
  const pauseGate = new PauseGate();
  const controller = new AbortController();
  const callsUnderWay = new CallsUnderWay();
  const scope = {
    row: { id: 'e' },
    pauseGate,
    callsUnderWay,
    kept: new KeptOutputs(),
    log: {
      state: { lastSequence: 0 },
      append: () => {
        appended.push(pauseGate.isOpen && !controller.signal.aborted);
        return Promise.resolve();
      },
    },
  } as unknown as NodeScope;
  const rounds = new AgentRounds({
    scope,
    step: { node: { id: 'n' }, stepId: 's', attempt: 1 } as RunningStep,
    signal: controller.signal,
    drafts: () => [],
    counted: () => ({ events: [], change: undefined }),
  });
  return { rounds, appended, pauseGate, controller, callsUnderWay };
}

const WAYS: [string, (rounds: AgentRounds) => Promise<unknown>][] = [
  [
    'an answer',
    (rounds) =>
      rounds.add({
        round: 1,
        content: [],
        problem: undefined,
        model: 'm',
        usage: { input: 1, output: 1 },
        calls: [call()],
      }),
  ],
  ['the start of a call', (rounds) => rounds.start(call())],
  ['a result', (rounds) => rounds.finish(call(), { result: 1, isError: false })],
];

it.each(WAYS)('records %s in the turn in which it finds the gate open', async (_what, record) => {
  for (const end of ['pause', 'abort']) {
    const { rounds, appended, pauseGate, controller } = setUp();
    const recording = record(rounds).catch(() => undefined);
    // Another piece of work of the same turn.
    if (end === 'pause') pauseGate.close();
    else controller.abort(new Error('the execution has ended'));
    await Promise.race([recording, new Promise((resolve) => setImmediate(resolve))]);
    expect(appended).toEqual([true]);
  }
});

it.each(WAYS)(
  'does not record %s when the gate opens for an attempt that has ended',
  async (_what, record) => {
    const { rounds, appended, pauseGate, controller } = setUp();
    pauseGate.close();
    const known = record(rounds);
    const before = appended.length;
    pauseGate.open();
    controller.abort(new Error('the execution has ended'));
    await expect(known).rejects.toThrow('the execution has ended');
    expect(appended).toHaveLength(before);
  },
);

it('does not wait at a shutdown for a call whose attempt has ended', () => {
  const { rounds, controller, callsUnderWay } = setUp();
  rounds.sending(call());
  expect(callsUnderWay.isEmpty).toBe(false);
  controller.abort(new Error('the time limit is reached'));
  expect(callsUnderWay.isEmpty).toBe(true);
  rounds.sending(call());
  expect(callsUnderWay.isEmpty).toBe(true);
});
