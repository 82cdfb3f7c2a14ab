import { Module } from '@nestjs/common';
import { BlockedLoopMonitor } from './blocked-loop-monitor.js';

@Module({ providers: [BlockedLoopMonitor], exports: [BlockedLoopMonitor] })
export class MonitoringModule {}
