// Preloaded into a server (`node --expose-gc --import`): collects garbage at SIGUSR2 and prints the memory that is left.
import { setTimeout as sleep } from 'node:timers/promises';

process.on('SIGUSR2', () => void report());

async function report() {
  // The second collection frees what finalizers and ended promises have kept.
  for (let times = 0; times < 2; times += 1) {
    globalThis.gc();
    await sleep(50);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const timers = resources.filter((name) => name === 'Timeout').length;
  console.log(`memory ${JSON.stringify({ heapUsed, external, rss, timers })};`);
}
