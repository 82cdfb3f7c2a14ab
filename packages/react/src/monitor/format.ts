const whole = new Intl.NumberFormat('en');
const dollars = new Intl.NumberFormat('en', { style: 'currency', currency: 'USD', maximumFractionDigits: 6 });

export const formatCount = (count: number): string => whole.format(count);

/** "1 step", "2 steps". */
export const formatCounted = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** Formats US dollars. null is an unknown price, not 0. */
export const formatCost = (costUSD: number | null): string =>
  costUSD === null ? 'unknown' : dollars.format(costUSD);

/** Formats milliseconds: `850 ms`, `3.2 s`, `2 min 5 s`, `1 h 4 min`. */
export function formatDuration(ms: number): string {
  const rest = Math.max(0, ms);
  if (rest < 1_000) return `${Math.round(rest)} ms`;
  if (rest < 59_950) return `${(rest / 1_000).toFixed(1)} s`;
  const seconds = Math.round(rest / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
