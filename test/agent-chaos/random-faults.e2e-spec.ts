import { runRandomFaults } from './random-faults.ts';

/** Of the thousands of agents that `npm run soak:agents` runs, these many run from a fixed seed. */
const AGENTS = 60;
/** On a busy machine a new process needs seconds until it continues the agents. */
const TIMEOUT_MS = 400_000;

it(
  'agents keep every rule while model calls break at random and the process ends again and again',
  async () => {
    const { agents, ends, violations } = await runRandomFaults({
      agents: AGENTS,
      from: 1,
      atOnce: 15,
      endEveryMs: 4_000,
    });
    expect(violations).toEqual([]);
    expect(agents).toBe(AGENTS);
    expect(ends).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
