import fc from 'fast-check';
import { TextLog } from './text-log.js';

const chunks = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.constantFrom('\n', 'line\n', '\r\n', '\ud83d', '\ude00'),
    fc.integer({ min: 1, max: 60_000 }).map((length) => 'x😀y'.repeat(length).slice(0, length)),
  ),
  { maxLength: 30 },
);

describe('TextLog', () => {
  it('joins its chunks, in segments that do not split characters', () => {
    fc.assert(
      fc.property(chunks, (list) => {
        const log = new TextLog();
        for (const chunk of list) log.append(chunk);
        const view = log.view();
        const text = list.join('');
        expect(view.toString()).toBe(text);
        expect(view.length).toBe(text.length);
        const segments = view.segments();
        for (const [n, segment] of segments.entries()) {
          expect(segment.length).toBeLessThan(3 * 8_192);
          const parted = /[\ud800-\udbff]$/.test(segment) && /^[\udc00-\udfff]/.test(segments[n + 1] ?? '');
          expect(parted).toBe(false);
        }
      }),
    );
  });

  it('ends segments at the end of a line if possible', () => {
    const log = new TextLog();
    for (let n = 0; n < 5_000; n += 1) log.append(`line ${n}\n`);
    const segments = log.view().segments();
    expect(segments.length).toBeGreaterThan(3);
    for (const segment of segments) expect(segment.endsWith('\n')).toBe(true);
  });

  it('drops the oldest text above its bound, and counts the dropped characters', () => {
    const log = new TextLog(100_000);
    let all = '';
    for (let n = 0; n < 50_000; n += 1) {
      const chunk = `${n} `;
      all += chunk;
      log.append(chunk);
    }
    const view = log.view();
    expect(view.length).toBeLessThanOrEqual(100_000);
    expect(view.length).toBeGreaterThan(60_000);
    expect(view.dropped + view.length).toBe(all.length);
    expect(view.toString()).toBe(all.slice(view.dropped));
    expect(view.firstSegment).toBeGreaterThan(0);
  });

  it('drops its end, also where that is no longer kept, and grows again', () => {
    fc.assert(
      fc.property(chunks, fc.nat(200_000), chunks, (before, at, after) => {
        const log = new TextLog(60_000);
        for (const chunk of before) log.append(chunk);
        const seen = log.view();
        const then = seen.toString();
        const end = Math.min(at, log.end);
        log.truncate(at);
        for (const chunk of after) log.append(chunk);
        const all = before.join('').slice(0, end) + after.join('');
        const view = log.view();
        expect(log.end).toBe(all.length);
        expect(view.dropped + view.length).toBe(all.length);
        expect(view.toString()).toBe(view.dropped <= end ? all.slice(view.dropped) : view.toString());
        expect(view.length).toBe(view.toString().length);
        expect(seen.toString()).toBe(then);
      }),
    );
  });
});
