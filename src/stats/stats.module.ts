import { Module } from '@nestjs/common';
import { ProjectFigures } from './project-figures.js';
import { StatsController } from './stats.controller.js';
import { StatsRepository } from './stats.repository.js';

/** The figures of projects. */
@Module({ controllers: [StatsController], providers: [StatsRepository, ProjectFigures] })
export class StatsModule {}
