import { setTimeout as sleep } from 'node:timers/promises';
import { callApi } from '../faults/api.ts';
import { SeededRandom } from '../faults/random.ts';
import { PROVIDER_KINDS, providerFaults } from './combinations.ts';
import { type Fault, MODEL_POINTS } from './faults.ts';
import { WIRES } from './script.ts';
import { AgentWorld, type RunningCase } from './world.ts';

export interface RandomFaultOptions {
  agents: number;
  /** The seed of the first agent; the others follow. */
  from: number;
  /** How many agents run at the same time. */
  atOnce: number;
  /** The longest time between two ends of the process, in ms; 0: it does not end. */
  endEveryMs: number;
  /** Called when an agent has ended. */
  onReport?: (seed: number, violations: readonly string[]) => void;
  stopped?: AbortSignal;
}

/** @returns faults in the order in which an agent comes to them */
function faultsOf(random: SeededRandom): Fault[] {
  const all = providerFaults();
  const place = ({ round, point }: Fault) =>
    round * 10 + MODEL_POINTS.indexOf(point as keyof typeof PROVIDER_KINDS);
  return (
    Array.from({ length: random.whole(0, 5) }, () => random.pick(all))
      .toSorted((one, other) => place(one) - place(other))
      // After its last byte an answer may be complete, and then it is not asked for again.
      .filter(
        (fault, at, sorted) =>
          fault.point !== 'last' || at === sorted.findIndex((one) => place(one) === place(fault)),
      )
  );
}

/**
 * Runs agents whose model calls break at random points, some of which are paused, while the process ends at random moments.
 * A seed decides the faults; the moments of pauses and ends are random.
 */
export async function runRandomFaults(
  options: RandomFaultOptions,
): Promise<{ agents: number; ends: number; violations: string[] }> {
  const { agents, from, atOnce, endEveryMs, onReport, stopped } = options;
  const world = await AgentWorld.open({ MODEL_IDLE_TIMEOUT_MS: '5000', PROCESS_RECONNECT_TIMEOUT_MS: '500' });
  await world.prepare();
  const violations: string[] = [];
  const done = new AbortController();
  const ending = (async () => {
    const random = new SeededRandom(`ends ${from}`);
    while (endEveryMs > 0 && !done.signal.aborted) {
      await sleep(random.whole(endEveryMs / 4, endEveryMs), undefined, { signal: done.signal }).catch(
        () => undefined,
      );
      if (!done.signal.aborted) await world.replaceServer(random.chance(0.7) ? 'SIGKILL' : 'SIGTERM');
    }
  })();
  let next = from;
  let ran = 0;
  const work = async () => {
    while (next < from + agents && !stopped?.aborted) {
      const seed = next;
      next += 1;
      const found = await runOne(world, new SeededRandom(seed)).catch((error: Error) => [
        `The test failed: ${error.stack}`,
      ]);
      ran += 1;
      violations.push(...found.map((violation) => `seed ${seed}: ${violation}`));
      onReport?.(seed, found);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    done.abort();
    await ending;
    await world.close();
  }
  return { agents: ran, ends: world.ends, violations };
}

async function runOne(world: AgentWorld, random: SeededRandom): Promise<string[]> {
  const endsBefore = world.ends;
  const node = { type: random.pick(['agent', 'subagent']) };
  const faults = faultsOf(random);
  const running: RunningCase = {
    ...(await world.start({ wire: random.pick(WIRES), faults, node })),
    endsBefore,
  };
  if (random.chance(0.3)) await pauseForAWhile(world, running, random);
  await world.ended(running, 120_000);
  return world.check(running, false);
}

async function pauseForAWhile(
  world: AgentWorld,
  { executionId }: RunningCase,
  random: SeededRandom,
): Promise<void> {
  const ask = async (action: string) => {
    for (;;) {
      const path = `/api/executions/${executionId}/${action}`;
      const answer = await callApi(world.server.url, 'POST', path, { body: {} });
      if (answer && answer.status < 500) return;
      await sleep(50);
    }
  };
  await sleep(random.whole(0, 600));
  await ask('pause');
  await sleep(random.whole(0, 1_500));
  await ask('resume');
}
