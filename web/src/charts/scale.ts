/** Round values from 0 up to `most` or a little above it: 1, 2 or 5 times a power of ten apart. */
export function ticks(most: number, about = 3): number[] {
  if (!(most > 0)) return [0];
  const rough = most / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_unused, index) => index * step);
}
