/** How far apart two offsets of a zone are looked up around a change, in ms. No zone changes twice within this time. */
const AROUND_MS = 26 * 3_600_000;
const MINUTE_MS = 60_000;

/**
 * The clock on the wall in a time zone. A wall time is a number of ms, written as if the zone were UTC.
 */
export class WallClock {
  private readonly format: Intl.DateTimeFormat;

  /** @throws RangeError if the runtime does not know the zone */
  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** Returns what the clock shows at an instant, minus the instant, in ms. */
  offset(instant: number): number {
    const seconds = Math.floor(instant / 1_000) * 1_000;
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.format.formatToParts(seconds)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - seconds;
  }

  /** Returns the wall time of an instant. */
  at(instant: number): number {
    return instant + this.offset(instant);
  }

  /**
   * Returns the first instant at which the clock shows a wall time, or the first one after the gap if the clock skips it.
   */
  firstInstant(wall: number): number {
    const before = this.offset(wall - AROUND_MS);
    const after = this.offset(wall + AROUND_MS);
    const instants = [wall - before, wall - after].filter((instant) => this.at(instant) === wall);
    if (instants.length > 0) return Math.min(...instants);
    return this.changeBetween(wall - AROUND_MS, wall + AROUND_MS);
  }

  /** Returns the first instant with another offset than that of `from`. `to` must have another one. */
  changeBetween(from: number, to: number): number {
    const offset = this.offset(from);
    let [same, other] = [Math.floor(from / MINUTE_MS), Math.ceil(to / MINUTE_MS)];
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2);
      if (this.offset(middle * MINUTE_MS) === offset) same = middle;
      else other = middle;
    }
    return other * MINUTE_MS;
  }
}
