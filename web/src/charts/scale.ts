/**
 * Returns axis ticks from 0 up to `max` or slightly above it. Their distance is 1, 2 or 5 times a power of ten.
 * @param count approximate number of intervals
 */
export function ticks(max: number, count = 3): number[] {
  if (!(max > 0)) return [0];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const steps = Math.ceil(max / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_unused, index) => index * step);
}
