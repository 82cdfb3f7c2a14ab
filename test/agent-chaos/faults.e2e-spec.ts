import { casesOf, modelPlaces, providerFaults, toolPlaces } from './combinations.ts';
import type { Fault } from './faults.ts';
import { AgentWorld, type ChaosCase } from './world.ts';

/** How many agents run at the same time, so that no time limit passes only because the machine is busy. */
const AT_ONCE = 40;

/** Many times what an agent takes without a fault, also on a busy machine. */
const TIME_LIMIT_MS = 10_000;

describe('an agent of five rounds', () => {
  let world: AgentWorld;
  beforeAll(async () => {
    world = await AgentWorld.open({ MODEL_IDLE_TIMEOUT_MS: '3000' });
    await world.prepare();
  });
  afterAll(() => world.close());

  /** Runs cases in groups. @returns violations */
  async function runAll(cases: readonly ChaosCase[]): Promise<string[]> {
    const problems: string[] = [];
    for (let at = 0; at < cases.length; at += AT_ONCE)
      problems.push(...(await world.run(cases.slice(at, at + AT_ONCE))));
    return problems;
  }
  const ofKind = (...kinds: Fault['kind'][]) => providerFaults().filter(({ kind }) => kinds.includes(kind));

  it('continues after a reset at every point of every model call', async () => {
    expect(await runAll(casesOf(ofKind('reset')))).toEqual([]);
  });

  it('continues after an answer that ends too early, or with an error event', async () => {
    expect(await runAll(casesOf(ofKind('end', 'error')))).toEqual([]);
  });

  it('continues after 529, and after 503 when Retry-After has passed', async () => {
    expect(await runAll(casesOf(ofKind('overloaded', 'unavailable')))).toEqual([]);
  });

  it('continues after a model that sends no more data, at every point of every model call', async () => {
    expect(await runAll(casesOf(ofKind('idle')))).toEqual([]);
  });

  it('continues after the time limit of the node passes during each tool call', async () => {
    const faults = toolPlaces().map((place): Fault => ({ ...place, kind: 'idle' }));
    expect(await runAll(casesOf(faults, { node: { data: { timeoutMs: TIME_LIMIT_MS } } }))).toEqual([]);
  });

  it('gives the model the failure of a tool whose connection breaks, and does not send the call again', async () => {
    const faults = toolPlaces().map((place): Fault => ({ ...place, kind: 'reset' }));
    expect(await runAll(casesOf(faults))).toEqual([]);
  });

  it('continues after several faults in a row', async () => {
    const several: Fault[] = [
      { round: 1, point: 'text', kind: 'reset' },
      { round: 2, point: 'request', kind: 'overloaded' },
      { round: 2, point: 'arguments', kind: 'end' },
      { round: 4, point: 'thinking', kind: 'error' },
      { round: 6, point: 'text', kind: 'reset' },
      { round: 6, point: 'last', kind: 'reset' },
    ];
    expect(await runAll(casesOf([several[0]!]).map((one) => ({ ...one, faults: several })))).toEqual([]);
  });

  it('continues as a subagent', async () => {
    const faults: Fault[] = modelPlaces()
      .filter(({ round }) => round % 2 === 1)
      .map((place) => ({ ...place, kind: 'reset' }));
    expect(await runAll(casesOf(faults, { node: { type: 'subagent' } }, ['anthropic']))).toEqual([]);
  });
});

describe('an agent whose node has a time limit', () => {
  it('counts the tokens of the model call that the time limit has ended', async () => {
    const world = await AgentWorld.open();
    await world.prepare();
    const faults = modelPlaces()
      .filter(({ round }) => round === 3)
      .map((place): Fault => ({ ...place, kind: 'idle' }));
    expect(await world.run(casesOf(faults, { node: { data: { timeoutMs: TIME_LIMIT_MS } } }))).toEqual([]);
    await world.close();
  });
});
