import { Inject, Injectable } from '@nestjs/common';
import type { ProjectStats, ReadStats } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../auth/principal.js';
import { sumUSD } from '../common/usd.js';
import { Settings } from '../config/settings.js';
import { NotFoundError, ProblemError, ValidationFailedError } from '../problems/problem.error.js';
import { type CountsRow, type StatsRange, StatsRepository, type UsageRow } from './stats.repository.js';

type Figures = ProjectStats['total'];

const INTERVAL_MS = { hour: 3_600_000, day: 86_400_000 };
const DEFAULT_INTERVALS = { hour: 24, day: 30 };
/** SQLSTATE of query_canceled: the time limit of the statement. */
const CANCELED = '57014';

/** Computes the figures of projects. */
@Injectable()
export class ProjectFigures {
  constructor(
    private readonly repository: StatsRepository,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MAX_INTERVALS_PER_STATS' | 'STATS_TIMEOUT_MS'>,
  ) {}

  /**
   * Computes the figures of a project over a range, in total and for each interval in UTC.
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the range is empty or has more than MAX_INTERVALS_PER_STATS intervals
   * @throws ProblemError 503 `stats_timeout`
   */
  async read(projectId: string, query: ReadStats, principal: Principal): Promise<ProjectStats> {
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    const range = this.rangeOf(projectId, query);
    const { counts, usage, stored } = await this.repository.read(range).catch((error: { code?: string }) => {
      throw error.code === CANCELED ? new ProblemError('stats_timeout') : error;
    });
    const usageAt = Map.groupBy(usage, ({ at }) => at.getTime());
    const buckets = counts.flatMap((row) =>
      row.at ? [{ at: row.at.toISOString(), ...figuresOf(row, usageAt.get(row.at.getTime()) ?? []) }] : [],
    );
    const total = figuresOf(
      counts.find(({ at }) => at === null),
      usage,
    );
    const { from, to, interval } = range;
    return { projectId, from: from.toISOString(), to: to.toISOString(), interval, total, buckets, stored };
  }

  private rangeOf(projectId: string, { from, to, interval }: ReadStats): StatsRange {
    const end = to === undefined ? new Date() : new Date(to);
    const size = INTERVAL_MS[interval];
    const begin =
      from === undefined ? new Date(end.getTime() - DEFAULT_INTERVALS[interval] * size) : new Date(from);
    if (begin >= end) throw invalid('must be before `to`');
    const { MAX_INTERVALS_PER_STATS: max } = this.settings;
    if (end.getTime() - begin.getTime() > max * size)
      throw invalid(
        `is too long ago: the range may have at most ${max} intervals (MAX_INTERVALS_PER_STATS); choose interval=day, or a shorter range`,
      );
    return { projectId, from: begin, to: end, interval };
  }
}

const invalid = (message: string): ValidationFailedError =>
  new ValidationFailedError([{ path: 'from', message }]);

/** @param counts undefined if there are no executions */
function figuresOf(counts: CountsRow | undefined, usage: readonly UsageRow[]): Figures {
  const models: Figures['models'] = {};
  for (const [model, rows] of Map.groupBy(usage, (row) => row.model))
    Object.defineProperty(models, model, { value: totalOf(rows), enumerable: true });
  const { input, output, costUSD } = totalOf(usage);
  return {
    executions: counts?.statuses ?? {},
    durationMs: { p50: rounded(counts?.p50), p95: rounded(counts?.p95) },
    tokens: { input, output },
    costUSD,
    models,
  };
}

/** Rounds to microseconds, because an interpolated number has errors of floating point in its last digits. */
const rounded = (ms: number | null | undefined): number | null =>
  ms === null || ms === undefined ? null : Math.round(ms * 1000) / 1000;

function totalOf(rows: readonly UsageRow[]): Figures['models'][string] {
  const costs = rows.map(({ costUSD }) => costUSD);
  return {
    input: rows.reduce((sum, { input }) => sum + input, 0),
    output: rows.reduce((sum, { output }) => sum + output, 0),
    costUSD: costs.includes(null) ? null : sumUSD(costs.map((cost) => cost ?? 0)),
  };
}
