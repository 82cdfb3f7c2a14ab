import { Holder } from './holder.js';

describe('Holder', () => {
  it('releases once, however often it is asked to', () => {
    let released = 0;
    const holder = new Holder(() => (released += 1));
    holder.release();
    holder.release();
    expect(released).toBe(1);
  });

  it('releases at the end of a `using` block, also after an error', () => {
    let released = 0;
    expect(() => {
      using _holder = new Holder(() => (released += 1));
      throw new Error('stop');
    }).toThrow('stop');
    expect(released).toBe(1);
  });
});
