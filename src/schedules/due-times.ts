import type { Schedule } from '@cloutagent/contract';
import type { CronTimes } from './cron-times.js';

/** The due times of a schedule that have come. */
export interface DueTimes {
  /** Those that are handled on time, in their order. */
  readonly onTime: readonly Date[];
  /** Those that have passed unhandled and are made up for, in their order. */
  readonly missed: readonly Date[];
  /** How many more are made up for by `catchUp: all`, but exceed the limit. They are the oldest ones. */
  readonly hasDropped: boolean;
  /** The newest due time of all. */
  readonly newest: Date;
}

/** At most so many due times count as on time: as many as can pass between two polls. */
const MAX_ON_TIME = 100;

/**
 * Finds the due times that have come, and decides which of them are handled.
 * @param nextAt the first due time that was not handled
 * @param now not before `nextAt`
 * @param lateMs after how long a due time counts as missed
 * @param limit how many are made up for at most
 */
export function dueTimes(
  cron: CronTimes,
  { nextAt, now, catchUp }: { nextAt: Date; now: Date; catchUp: Schedule['catchUp'] },
  { lateMs, limit }: { lateMs: number; limit: number },
): DueTimes {
  const lateBefore = new Date(Math.max(nextAt.getTime(), now.getTime() - lateMs));
  const onTime = cron.newest(now, lateBefore, MAX_ON_TIME);
  const isMissed = nextAt < lateBefore;
  const missedUntil = new Date(lateBefore.getTime() - 1);
  const missed = (count: number) => (isMissed ? cron.newest(missedUntil, nextAt, count) : []);
  const all = catchUp === 'all' ? missed(limit + 1) : [];
  const chosen =
    catchUp === 'all' ? all.slice(-limit) : catchUp === 'one' && onTime.length === 0 ? missed(1) : [];
  const newest = onTime.at(-1) ?? chosen.at(-1) ?? missed(1).at(-1) ?? nextAt;
  return { onTime, missed: chosen, hasDropped: all.length > limit, newest };
}
