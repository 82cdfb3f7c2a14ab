import fc from 'fast-check';
import { CronTimes } from './cron-times.js';
import { dueTimes } from './due-times.js';
import { WallClock } from './wall-clock.js';

const MINUTE_MS = 60_000;

const after = (cron: string, zone: string, from: string, count: number): string[] => {
  const times = new CronTimes(cron, zone);
  const found: string[] = [];
  for (let due = times.next(new Date(from)); due && found.length < count; due = times.next(due))
    found.push(due.toISOString().slice(5, 16));
  return found;
};

describe('due times', () => {
  it.each([
    // The clock goes from 02:00 to 03:00.
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['03-29T01:00', '03-30T00:30']],
    ['15,45 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['03-29T01:00', '03-30T00:15']],
    ['0,30 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['03-29T01:00', '03-29T01:30', '03-30T00:00']],
    ['30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['03-08T07:00', '03-09T06:30']],
    ['30 */2 * * *', 'Europe/Berlin', '2026-03-29T00:00Z', ['03-29T01:00', '03-29T02:30']],
    ['30 * * * *', 'Europe/Berlin', '2026-03-29T00:00Z', ['03-29T00:30', '03-29T01:30', '03-29T02:30']],
    ['0 0 * * *', 'America/Havana', '2026-03-07T12:00Z', ['03-08T05:00', '03-09T04:00']],
    ['0 2 29 3 *', 'Europe/Berlin', '2026-03-28T12:00Z', ['03-29T01:00', '03-29T00:00']],
    // The clock shows 02:00 to 03:00 twice.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['10-25T00:30', '10-26T01:30']],
    ['0,30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['10-25T00:00', '10-25T00:30', '10-26T01:00']],
    ['30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['11-01T05:30', '11-02T06:30']],
    ['30 * * * *', 'Europe/Berlin', '2026-10-24T23:45Z', ['10-25T00:30', '10-25T01:30', '10-25T02:30']],
    ['0 3 * * *', 'Europe/Berlin', '2026-10-25T00:30Z', ['10-25T02:00', '10-26T02:00']],
    ['0 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:00Z', ['04-04T15:30', '04-04T16:30']],
  ])('of %s in %s after %s', (cron, zone, from, expected) => {
    expect(after(cron, zone, from, expected.length)).toEqual(expected);
  });

  it.each([
    ['* * * * * *', 'five fields'],
    ['@daily', 'five fields'],
    ['60 * * * *', 'minute'],
    ['x * * * *', ''],
  ])('refuses %s', (cron, message) => {
    expect(() => new CronTimes(cron, 'UTC')).toThrow(message);
  });

  it('has no due time on a day that no month has', () => {
    expect(new CronTimes('0 0 31 2 *', 'UTC').next(new Date())).toBeUndefined();
  });

  const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana');
  const day = fc.constantFrom(
    '2026-03-08',
    '2026-03-29',
    '2026-04-04',
    '2026-10-03',
    '2026-10-25',
    '2026-11-01',
  );
  const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 3 });
  const hours = fc.uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 12 });

  it('are each wall time once, and once right after a gap for those in it', () => {
    fc.assert(
      fc.property(zone, day, minutes, hours, (timeZone, date, minute, hour) => {
        const clock = new WallClock(timeZone);
        const start = Date.parse(`${date}T00:00Z`) - 24 * 60 * MINUTE_MS;
        const [shown, expected] = [new Set<number>(), new Set<number>()];
        for (let at = start - 180 * MINUTE_MS; at < start + 72 * 60 * MINUTE_MS; at += MINUTE_MS) {
          const before = clock.at(at - MINUTE_MS);
          const wall = clock.at(at);
          // The wall times of a gap count for the first instant after it.
          for (let each = Math.min(before + MINUTE_MS, wall); each <= wall; each += MINUTE_MS) {
            const shownAt = new Date(each);
            const isNew = !shown.has(each);
            shown.add(each);
            const fits = minute.includes(shownAt.getUTCMinutes()) && hour.includes(shownAt.getUTCHours());
            if (fits && isNew && at > start) expected.add(at);
          }
        }
        const times = new CronTimes(`${minute.join()} ${hour.join()} * * *`, timeZone);
        const found: number[] = [];
        const end = start + 72 * 60 * MINUTE_MS;
        for (let due = times.next(new Date(start)); due && due.getTime() < end; due = times.next(due))
          found.push(due.getTime());
        expect(found).toEqual([...expected].toSorted((one, other) => one - other));
      }),
      { numRuns: 25 },
    );
  });

  it('are each instant with * as the hour', () => {
    fc.assert(
      fc.property(zone, day, minutes, (timeZone, date, minute) => {
        const clock = new WallClock(timeZone);
        const start = Date.parse(`${date}T00:00Z`) - 24 * 60 * MINUTE_MS;
        const end = start + 72 * 60 * MINUTE_MS;
        const expected: number[] = [];
        for (let at = start + MINUTE_MS; at < end; at += MINUTE_MS)
          if (minute.includes(new Date(clock.at(at)).getUTCMinutes())) expected.push(at);
        const times = new CronTimes(`${minute.join()} * * * *`, timeZone);
        const found: number[] = [];
        for (let due = times.next(new Date(start)); due && due.getTime() < end; due = times.next(due))
          found.push(due.getTime());
        expect(found).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('can be read backwards from any instant', () => {
    fc.assert(
      fc.property(
        zone,
        day,
        minutes,
        hours,
        fc.integer({ min: 0, max: 4_000 }),
        (timeZone, date, minute, hour, at) => {
          const times = new CronTimes(`${minute.join()} ${hour.join()} * * *`, timeZone);
          const from = new Date(Date.parse(`${date}T00:00Z`) - 24 * 60 * MINUTE_MS);
          const until = new Date(from.getTime() + at * MINUTE_MS);
          const all: Date[] = [];
          for (let due = times.next(new Date(from.getTime() - 1)); due && due <= until; due = times.next(due))
            all.push(due);
          expect(times.newest(until, from, 2)).toEqual(all.slice(-2));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('due times that have come', () => {
  const hourly = new CronTimes('0 * * * *', 'UTC');
  const at = (time: string) => new Date(`2026-06-01T${time}Z`);
  const limits = { lateMs: 60_000, limit: 3 };
  const hours = (dates: readonly Date[]) => dates.map((date) => date.getUTCHours());
  const handle = (now: string, catchUp: 'none' | 'one' | 'all') =>
    dueTimes(hourly, { nextAt: at('05:00'), now: at(now), catchUp }, limits);

  it.each([
    ['05:00:01', 'none', [5], []],
    ['05:30', 'none', [], []],
    ['05:30', 'one', [], [5]],
    ['09:30', 'one', [], [9]],
    ['09:00:30', 'one', [9], []],
    ['07:30', 'all', [], [5, 6, 7]],
    ['07:00:30', 'all', [7], [5, 6]],
    ['11:30', 'all', [], [9, 10, 11]],
  ] as const)('at %s with catchUp %s', (now, catchUp, onTime, missed) => {
    const due = handle(now, catchUp);
    expect([hours(due.onTime), hours(due.missed)]).toEqual([onTime, missed]);
    expect(due.newest.getUTCHours()).toBe(Number(now.slice(0, 2)));
    expect(due.hasDropped).toBe(now === '11:30');
  });

  it('are found quickly after years without a process', () => {
    const every = new CronTimes('* * * * *', 'Europe/Berlin');
    const nextAt = new Date('2016-01-01T00:00Z');
    const due = dueTimes(every, { nextAt, now: new Date('2026-01-01T00:00:30Z'), catchUp: 'all' }, limits);
    expect([due.onTime.length, due.missed.length]).toEqual([1, 3]);
  });
});
