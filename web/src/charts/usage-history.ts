import type { ExecutionEvent } from '@cloutagent/client';

export interface UsagePoint {
  /** ms since 1970. */
  at: number;
  value: number;
}

export interface UsageHistory {
  input: readonly UsagePoint[];
  output: readonly UsagePoint[];
  costUSD: readonly UsagePoint[];
  /** Sequence of the last event in the history. */
  last: number;
}

export const NO_HISTORY: UsageHistory = { input: [], output: [], costUSD: [], last: 0 };

/** Above this number every second point is dropped. More points than pixels would not be visible. */
const MAX_POINTS = 1_000;

/** Adds events to the history. Events that it already contains are ignored. */
export function addUsage(history: UsageHistory, events: readonly ExecutionEvent[]): UsageHistory {
  const [input, output, costUSD] = [[...history.input], [...history.output], [...history.costUSD]];
  let { last } = history;
  for (const event of events) {
    if (event.sequence <= last) continue;
    const at = Date.parse(event.timestamp);
    if (event.type === 'execution:token-usage') {
      input.push({ at, value: event.usage.input });
      output.push({ at, value: event.usage.output });
    } else if (event.type === 'execution:cost-update') {
      if (event.totalCostUSD !== null) costUSD.push({ at, value: event.totalCostUSD });
    } else continue;
    last = event.sequence;
  }
  if (last === history.last) return history;
  return { input: thin(input), output: thin(output), costUSD: thin(costUSD), last };
}

const thin = (points: UsagePoint[]): UsagePoint[] =>
  points.length <= MAX_POINTS
    ? points
    : points.filter((_point, index) => index % 2 === 0 || index === points.length - 1);
