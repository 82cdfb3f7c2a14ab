import { casesOf, modelPlaces, toolPlaces } from './combinations.ts';
import type { Fault } from './faults.ts';
import { AgentWorld, type ChaosCase, type RunningCase } from './world.ts';

const held = (places: readonly Omit<Fault, 'kind'>[]): Fault[] =>
  places.map((place) => ({ ...place, kind: 'hold' }));

/** How the process ends during a pause; `resume` means not at all. */
const ENDS = ['SIGKILL', 'SIGTERM', 'resume'] as const;

describe('an agent of five rounds whose process ends', () => {
  let world: AgentWorld;
  beforeAll(async () => {
    // Calls are held for longer than usual while all agents come to their places.
    world = await AgentWorld.open({ MODEL_IDLE_TIMEOUT_MS: '120000', HTTP_TIMEOUT_MS: '120000' });
    await world.prepare();
  });
  afterAll(() => world.close());

  /** Starts cases, and waits until each one is at its place. */
  async function startHeld(cases: readonly ChaosCase[]): Promise<RunningCase[]> {
    const running = await Promise.all(cases.map((one) => world.start(one)));
    await world.faults.allHeld(running.map(({ caseId }) => caseId));
    return running;
  }
  const release = (running: readonly RunningCase[]) => {
    for (const { caseId } of running) world.faults.release(caseId);
  };

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'continues after %s at every point of every model call and of every tool call',
    async (signal) => {
      const running = await startHeld(casesOf(held([...modelPlaces(), ...toolPlaces()])));
      await world.replaceServer(signal);
      release(running);
      expect(await world.finish(running, signal === 'SIGKILL')).toEqual([]);
    },
  );

  it.each(['SIGKILL', 'SIGTERM'] as const)('continues as a subagent after %s', async (signal) => {
    const places = [...modelPlaces(), ...toolPlaces()].filter(({ round }) => round === 3);
    const running = await startHeld(casesOf(held(places), { node: { type: 'subagent' } }));
    await world.replaceServer(signal);
    release(running);
    expect(await world.finish(running, signal === 'SIGKILL')).toEqual([]);
  });

  describe('during a pause', () => {
    const control = (running: readonly RunningCase[], action: string) =>
      Promise.all(running.map(({ executionId }) => world.call(`/api/executions/${executionId}/${action}`)));
    async function pause(running: readonly RunningCase[]): Promise<void> {
      await control(running, 'pause');
      for (const { executionId } of running)
        await world.until(`SELECT FROM cloutagent.executions WHERE id = $1 AND status = 'paused'`, [
          executionId,
        ]);
    }

    it.each(ENDS)(
      'keeps the results of tools that answered while it was paused, and continues (%s)',
      async (signal) => {
        const running = await startHeld(casesOf(held(toolPlaces())));
        await pause(running);
        release(running);
        for (const { executionId } of running)
          await world.until(
            `SELECT 1 FROM cloutagent.tool_calls WHERE execution_id = $1 HAVING bool_and(result IS NOT NULL) AND count(*) > 0`,
            [executionId],
          );
        const before = await Promise.all(running.map(({ executionId }) => world.events(executionId)));
        for (const events of before) expect(events.at(-1)!.type).toBe('execution:paused');
        if (signal !== 'resume') await world.replaceServer(signal);
        await control(running, 'resume');
        expect(await world.finish(running.map(withoutFaults), signal === 'SIGKILL')).toEqual([]);
      },
    );

    it.each(ENDS)('continues the model call of a paused agent (%s)', async (signal) => {
      const running = await startHeld(casesOf(held(modelPlaces().filter(({ point }) => point !== 'last'))));
      await pause(running);
      if (signal !== 'resume') await world.replaceServer(signal);
      release(running);
      await control(running, 'resume');
      expect(await world.finish(running, signal === 'SIGKILL')).toEqual([]);
    });
  });
});

/** The fault was only the hold: nothing is lost, so the effect of every call is known. */
const withoutFaults = (running: RunningCase): RunningCase => ({ ...running, harmless: true });
