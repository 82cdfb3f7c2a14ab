import { Module } from '@nestjs/common';
import { DeathDetector } from './death-detector.js';
import { ProcessPresence } from './process-presence.js';

/** Registers this process in the shared database and detects other processes that have died. */
@Module({ providers: [ProcessPresence, DeathDetector], exports: [ProcessPresence, DeathDetector] })
export class ClusterModule {}
