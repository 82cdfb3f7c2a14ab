import { Cron } from 'croner';
import { WallClock } from './wall-clock.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How far before a due time the search begins, so that no change of the offset is missed. */
const MARGIN_MS = 48 * HOUR_MS;
/** The same for the newest due times: more than the clocks of all zones are set back by. */
const RECENT_MARGIN_MS = 3 * HOUR_MS;
/** Wall times that are skipped in one search. A clock that is set back by an hour repeats 60 of them. */
const MAX_STEPS = 3_000;
/** Due times whose distances are compared. They cover more than two days, however many a day has. */
const MAX_COMPARED = 1_000;

/**
 * The due times of a cron expression in a time zone.
 *
 * croner finds wall times on a calendar without changes of the offset, and this class turns them into instants. croner's own
 * treatment of changes depends on the expression: `15,45 2 * * *` is dropped on the day on which the clock skips 02:00 to 03:00, and
 * `0,30 2 * * *` runs four times on the day that has this hour twice.
 *
 * - A wall time that the clock skips is due right after the gap. Several of them are due once.
 * - A wall time that the clock shows twice is due the first time.
 * - With `*` as the hour, due times follow the time that passes: none for a skipped hour, all of them for a repeated hour.
 */
export class CronTimes {
  private readonly calendar: Cron;
  private readonly clock: WallClock;
  private readonly isEveryHour: boolean;

  /**
   * @param cron five fields; names of months and days, `L`, `W` and `#` as croner reads them
   * @throws Error if the expression is not valid; RangeError if the runtime does not know the zone
   */
  constructor(cron: string, timeZone: string) {
    const fields = cron.trim().split(/\s+/);
    if (fields.length !== 5)
      throw new Error(
        `must have five fields (minute, hour, day of the month, month, day of the week), but has ${fields.length}`,
      );
    this.isEveryHour = fields[1] === '*';
    this.clock = new WallClock(timeZone);
    this.calendar = new Cron(fields.join(' '), { mode: '5-part', timezone: 'UTC', paused: true });
  }

  /** Returns the first due time after an instant; undefined if there is none. */
  next(after: Date): Date | undefined {
    const instant = this.isEveryHour ? this.nextElapsed(after.getTime()) : this.nextShown(after.getTime());
    return instant === undefined ? undefined : new Date(instant);
  }

  /** Returns the newest due times up to an instant and not before another one, at most `limit`, in their order. */
  newest(until: Date, notBefore: Date, limit: number): Date[] {
    const wall = this.clock.at(until.getTime());
    const [oldest] = this.calendar.previousRuns(limit + 1, new Date(wall + MINUTE_MS)).toReversed();
    const start = (oldest?.getTime() ?? wall) - (wall - until.getTime()) - RECENT_MARGIN_MS;
    const found: Date[] = [];
    let due = this.next(new Date(Math.max(start, notBefore.getTime() - 1)));
    for (; due && due <= until; due = this.next(due)) found.push(due);
    return found.slice(-limit);
  }

  /** Whether two of the next due times are less than `ms` apart. */
  isMoreFrequentThan(ms: number, after: Date): boolean {
    let due = this.next(after);
    for (let count = 0; due && count < MAX_COMPARED; count += 1) {
      const following = this.next(due);
      if (following && following.getTime() - due.getTime() < ms) return true;
      due = following;
    }
    return false;
  }

  /** Each wall time once. */
  private nextShown(after: number): number | undefined {
    let wall: number | undefined = this.clock.at(after);
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      wall = this.nextWall(wall);
      if (wall === undefined) return undefined;
      const instant = this.clock.firstInstant(wall);
      if (instant > after) return instant;
    }
    return undefined;
  }

  /** Each instant at which the clock shows a wall time of the expression. */
  private nextElapsed(after: number): number | undefined {
    let [from, offset] = [after, this.clock.offset(after)];
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      const wall = this.nextWall(from + offset);
      if (wall === undefined) return undefined;
      const instant = wall - offset;
      if (this.clock.offset(instant) === offset && instant - from <= MARGIN_MS) return instant;
      if (instant - from > MARGIN_MS) {
        from = instant - MARGIN_MS;
        offset = this.clock.offset(from);
      } else {
        // From the change on, the same wall times are at other instants.
        const change = this.clock.changeBetween(from, instant);
        offset = this.clock.offset(change);
        from = change - 1;
      }
    }
    return undefined;
  }

  private nextWall(wall: number): number | undefined {
    return this.calendar.nextRun(new Date(wall))?.getTime();
  }
}
