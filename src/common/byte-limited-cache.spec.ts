import { ByteLimitedCache } from './byte-limited-cache.js';

describe('ByteLimitedCache', () => {
  const cacheOf = (maxBytes: number) => {
    const dropped: string[] = [];
    const cache = new ByteLimitedCache<string, string>(
      maxBytes,
      ({ length }) => length,
      (key) => dropped.push(key),
    );
    return { cache, dropped };
  };

  it('drops the least recently used values until the others fit', () => {
    const { cache, dropped } = cacheOf(10);
    cache.set('a', '1234');
    cache.set('b', '1234');
    cache.get('a');
    cache.set('c', '1234');
    expect(dropped).toEqual(['b']);
    expect(cache.get('a')).toBe('1234');
    expect(cache.bytes).toBe(8);
  });

  it('drops the oldest values if they are only peeked at', () => {
    const { cache, dropped } = cacheOf(10);
    cache.set('a', '1234');
    cache.set('b', '1234');
    expect(cache.peek('a')).toBe('1234');
    cache.set('c', '1234');
    expect(dropped).toEqual(['a']);
    expect(cache.peek('a')).toBeUndefined();
  });

  it('counts a replaced value once', () => {
    const { cache } = cacheOf(10);
    cache.set('a', '12345678');
    cache.set('a', '12');
    expect(cache.bytes).toBe(2);
  });

  it('keeps nothing that is larger than the whole cache', () => {
    const { cache, dropped } = cacheOf(3);
    cache.set('a', '1234');
    expect(cache.get('a')).toBeUndefined();
    expect(dropped).toEqual(['a']);
    expect(cache.bytes).toBe(0);
  });

  it('is empty after clear', () => {
    const { cache, dropped } = cacheOf(10);
    cache.set('a', '1');
    cache.set('b', '2');
    cache.clear();
    expect(cache.bytes).toBe(0);
    expect(dropped).toEqual(['a', 'b']);
  });
});
