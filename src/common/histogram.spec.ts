import { Histogram } from './histogram.js';

describe('Tally', () => {
  it('counts a value under the first bound that holds it, bounds included', () => {
    const tally = new Histogram([1, 10]);
    for (const value of [0, 1, 1.5, 10, 11, 1000]) tally.add(value);
    expect(tally.counts).toEqual([2, 2, 2]);
    expect(tally.sum).toBe(1023.5);
  });
});
