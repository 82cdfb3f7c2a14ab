import { Module } from '@nestjs/common';
import { ExecutionCounter } from './execution-counter.js';
import { ProjectFigures } from './project-figures.js';
import { StatsController } from './stats.controller.js';
import { StatsRepository } from './stats.repository.js';

/** The figures of projects. */
@Module({
  controllers: [StatsController],
  providers: [StatsRepository, ProjectFigures, ExecutionCounter],
  exports: [ExecutionCounter],
})
export class StatsModule {}
