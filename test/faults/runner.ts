import { blockOf, profileOf } from './profiles.ts';
import { type SeedReport, World } from './world.ts';

/**
 * Runs seeds on several worlds at the same time. A world runs the seeds of one block, which share a profile. It is replaced
 * after a seed that left open executions.
 * @param worlds how many worlds run at the same time
 * @param onReport is called with the report of each seed when it is finished
 * @param stopped once it is aborted, no further seed starts
 */
export async function runSeeds(
  seeds: readonly number[],
  worlds: number,
  onReport: (report: SeedReport) => void,
  stopped?: AbortSignal,
): Promise<void> {
  // A few seeds are spread over all worlds, even if they belong to one block.
  const most = Math.ceil(seeds.length / worlds);
  const blocks = [...Map.groupBy(seeds, blockOf).values()].flatMap((block) => parts(block, most));
  const work = async (): Promise<void> => {
    for (let block = blocks.shift(); block && !stopped?.aborted; block = blocks.shift()) {
      let world: World | undefined;
      try {
        for (const seed of block) {
          if (stopped?.aborted) break;
          world ??= await World.open(profileOf(seed));
          onReport(await world.run(seed));
          if (!world.isSpoiled) continue;
          await world.close();
          world = undefined;
        }
      } finally {
        await world?.close();
      }
    }
  };
  await Promise.all(Array.from({ length: worlds }, work));
}

function parts<T>(items: readonly T[], most: number): T[][] {
  const found: T[][] = [];
  for (let from = 0; from < items.length; from += most) found.push(items.slice(from, from + most));
  return found;
}
