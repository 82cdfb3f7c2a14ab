import type { FaultWeights } from './plan.ts';

/** The number of processes of a world, their settings, and the faults that are more frequent than by default. */
export interface Profile {
  name: string;
  processes: number;
  settings: Record<string, string>;
  weights?: Partial<FaultWeights>;
  /** How long processes are stopped or frozen, in ms. By default most times are short. */
  standstillMs?: readonly [least: number, most: number];
}

/** Keeps limits from failing a workflow on a slow machine. */
const ALWAYS = {
  TRANSFORM_TIMEOUT_MS: '60000',
  HTTP_ALLOWED_HOSTS: '127.0.0.1',
  RATE_LIMIT_REQUESTS: '1000000',
  NO_COLOR: '1',
};
const QUICK = {
  ...ALWAYS,
  DISPATCH_POLL_INTERVAL_MS: '200',
  JOURNAL_POLL_INTERVAL_MS: '500',
  HEARTBEAT_INTERVAL_MS: '1000',
  RETRY_BASE_MS: '50',
  DATABASE_POOL_SIZE: '5',
};

/** Seeds per block. All seeds of a block have the same profile and may share one world. */
const BLOCK = 20;

const PROFILES: Profile[] = [
  { name: 'quick', processes: 2, settings: QUICK },
  { name: 'three', processes: 3, settings: QUICK },
  // Executions wait for concurrency slots, and queries time out while a table is locked.
  {
    name: 'narrow',
    processes: 2,
    settings: {
      ...QUICK,
      MAX_EXECUTIONS_PER_PROJECT: '2',
      MAX_EXECUTIONS_PER_PROCESS: '2',
      DATABASE_POOL_SIZE: '3',
      DATABASE_QUERY_TIMEOUT_MS: '700',
    },
  },
  {
    name: 'quick',
    processes: 2,
    settings: { ...QUICK, MAX_FLUSHES_PER_PROCESS: '1', DATABASE_QUERY_TIMEOUT_MS: '1500' },
  },
  // A process that is stopped for half a second loses its executions, but still has them in memory when it resumes.
  {
    name: 'hasty',
    processes: 3,
    settings: {
      ...QUICK,
      PROCESS_TIMEOUT_MS: '500',
      PROCESS_CHECK_INTERVAL_MS: '100',
      PROCESS_RECONNECT_TIMEOUT_MS: '200',
    },
    weights: { stop: 10, freeze: 10, kill: 3 },
    standstillMs: [700, 2_500],
  },
  { name: 'defaults', processes: 2, settings: ALWAYS },
];

export const blockOf = (seed: number): number => Math.floor(seed / BLOCK);

/** Returns the profile of a seed. */
export const profileOf = (seed: number): Profile => PROFILES[blockOf(seed) % PROFILES.length]!;
