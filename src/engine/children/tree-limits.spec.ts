import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../database/database.js';
import { TreeLimits } from './tree-limits.js';

/** Limits of a tree in which `stored()` children are stored. */
const limitsOf = (stored: () => number) => {
  const query = async () => {
    await turn();
    return { rows: [{ children: stored() }] };
  };
  const database = { pool: { query } } as unknown as Database;
  return new TreeLimits(database, { MAX_CHILD_DEPTH: 8, MAX_CHILDREN: 100 });
};

it('counts children of simultaneous calls that are not stored yet', async () => {
  const limits = limitsOf(() => 10);
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => limits.add('root', 40)));
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
  ]);
});

it('counts children that other processes have added', async () => {
  let stored = 0;
  const limits = limitsOf(() => stored);
  await limits.add('root', 1);
  stored = 95;
  await expect(limits.add('root', 10)).rejects.toThrow(/limit is 100 \(MAX_CHILDREN\)/);
  await limits.add('root', 5);
});
