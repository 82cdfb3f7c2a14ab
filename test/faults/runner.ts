import { blockOf, profileOf } from './profiles.ts';
import { type SeedReport, World } from './world.ts';

/**
 * Runs seeds on so many worlds at once. A world is used for the seeds of one block, which share a profile, and
 * replaced after a seed that left something open.
 * @param onReport is called with each seed's report as it is there
 * @param stopped starts no further seed once it is aborted
 */
export async function runSeeds(
  seeds: readonly number[],
  worlds: number,
  onReport: (report: SeedReport) => void,
  stopped?: AbortSignal,
): Promise<void> {
  // A few seeds are spread over all worlds, even if they are of one block.
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
