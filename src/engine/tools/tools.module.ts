import { Module } from '@nestjs/common';
import { MonitoringModule } from '../../monitoring/monitoring.module.js';
import { ToolRegistry } from './tool-registry.js';

/** The tools that modules provide for agents. */
@Module({ imports: [MonitoringModule], providers: [ToolRegistry], exports: [ToolRegistry] })
export class ToolsModule {}
