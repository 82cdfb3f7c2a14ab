import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './cluster.ts';
import type { Scenario } from './scenario.ts';
import { mixed } from './workload.ts';
import { World } from './world.ts';

const BEFORE_MS = 8_000;
const TAIL_MS = 6_000;
const AFTER_MS = 10_000;
const END_LIMIT_MS = 120_000;

/** Fails over to a copy that lacks the commits of the last seconds, as an asynchronous standby does. */
export const failover: Scenario = async (context) => {
  const cluster = await Cluster.create();
  const { executions, script, logProgress } = context;
  const world = await World.open({ cluster, plan: mixed, executions, script });
  try {
    const starts = world.start(executions, BEFORE_MS + TAIL_MS + AFTER_MS);
    await sleep(BEFORE_MS);
    const switchToCopy = await cluster.keepCopy();
    await sleep(TAIL_MS);
    await cluster.stop('immediate');
    const lossAt = Date.now();
    switchToCopy();
    await cluster.start();
    logProgress('the copy has taken over');
    world.ended();
    world.allowLoss(lossAt);
    await starts;
    return await world.judge(END_LIMIT_MS);
  } finally {
    await world.keepOutput(context.keep);
    await world.close();
    await cluster.remove();
  }
};
