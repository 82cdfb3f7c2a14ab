import { Histogram } from './histogram.js';

describe('Histogram', () => {
  it('counts a value in the first bucket whose bound is not below it', () => {
    const histogram = new Histogram([1, 10]);
    for (const value of [0, 1, 1.5, 10, 11, 1000]) histogram.add(value);
    expect(histogram.counts).toEqual([2, 2, 2]);
    expect(histogram.sum).toBe(1023.5);
  });
});
