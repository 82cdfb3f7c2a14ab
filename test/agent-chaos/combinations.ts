import { type Fault, type Kind, MODEL_POINTS, type Point } from './faults.ts';
import { SCRIPT, type Wire, WIRES } from './script.ts';
import type { ChaosCase } from './world.ts';

/** What the provider can do at each point of a call. After the last byte, the end of the response is no fault. */
export const PROVIDER_KINDS: Readonly<Record<(typeof MODEL_POINTS)[number], readonly Kind[]>> = {
  request: ['reset', 'overloaded', 'unavailable', 'idle'],
  headers: ['reset', 'end', 'idle'],
  thinking: ['reset', 'end', 'error', 'idle'],
  text: ['reset', 'end', 'error', 'idle'],
  arguments: ['reset', 'end', 'error', 'idle'],
  last: ['reset', 'idle'],
};

/** All places of the agent where a model call can break. */
export const modelPlaces = (): { round: number; point: Point }[] =>
  SCRIPT.flatMap(({ calls }, at) =>
    MODEL_POINTS.filter((point) => point !== 'arguments' || calls.length > 0).map((point) => ({
      round: at + 1,
      point,
    })),
  );

/** All calls of tools of the agent. */
export const toolPlaces = (): { round: number; point: 'tool'; index: number }[] =>
  SCRIPT.flatMap(({ calls }) =>
    calls.map(({ args: { round, index } }) => ({ round, point: 'tool' as const, index })),
  );

/** Makes a case for each wire format and each fault. */
export const casesOf = (
  faults: readonly Fault[],
  more: Omit<ChaosCase, 'wire' | 'faults'> = {},
  wires: readonly Wire[] = WIRES,
): ChaosCase[] => wires.flatMap((wire) => faults.map((fault) => ({ wire, faults: [fault], ...more })));

/** Every fault that the provider can make, at every point of every round. */
export const providerFaults = (): Fault[] =>
  modelPlaces().flatMap((place) =>
    PROVIDER_KINDS[place.point as (typeof MODEL_POINTS)[number]].map((kind) => ({ ...place, kind })),
  );
