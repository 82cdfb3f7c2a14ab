import { Controller, Get, Param, Query } from '@nestjs/common';
import { ProjectId, ProjectStats, ReadStats } from '@cloutagent/contract';
import { CurrentPrincipal, RequireScope } from '../auth/access.decorators.js';
import type { Principal } from '../auth/principal.js';
import { Documented } from '../openapi/documented.decorator.js';
import { ProjectFigures } from './project-figures.js';

const FIGURES: ProjectStats['total'] = {
  executions: { completed: 110, failed: 10 },
  durationMs: { p50: 8_400, p95: 41_000 },
  tokens: { input: 240_000, output: 96_000 },
  costUSD: 2.16,
  models: { 'anthropic/claude-sonnet-4-5': { input: 240_000, output: 96_000, costUSD: 2.16 } },
};
const EXAMPLE_STATS: ProjectStats = {
  projectId: 'demo',
  from: '2026-11-23T18:00:00.000Z',
  to: '2026-11-23T19:00:00.000Z',
  interval: 'hour',
  total: FIGURES,
  buckets: [{ at: '2026-11-23T18:00:00.000Z', ...FIGURES }],
  stored: { running: 2, completed: 4_310, failed: 96 },
};

/** Shows the figures of projects. */
@Controller('api/projects')
@RequireScope('executions:read')
export class StatsController {
  constructor(private readonly figures: ProjectFigures) {}

  @Get(':projectId/stats')
  @Documented({
    id: 'getProjectStats',
    tag: 'Projects',
    summary: 'Show executions by status, durations, tokens and cost of a project, per hour or day',
    description:
      'Executions count in the interval in which they were created. Tokens and cost include those of child executions, and ' +
      'child executions do not count as executions. Percentiles are interpolated. An interval begins at a full hour, or at ' +
      'midnight, in UTC.',
    status: 200,
    params: { projectId: ProjectId },
    query: ReadStats,
    response: ProjectStats,
    examples: { hour: { value: EXAMPLE_STATS } },
    errors: ['not_found', 'stats_timeout'],
  })
  stats(
    @Param('projectId', { schema: ProjectId }) projectId: string,
    @Query({ schema: ReadStats }) query: ReadStats,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ProjectStats> {
    return this.figures.read(projectId, query, principal);
  }
}
