import { Module } from '@nestjs/common';
import { DeathDetector } from './death-detector.js';
import { ProcessPresence } from './process-presence.js';

/** Which processes share the database, and which of them are no more. */
@Module({ providers: [ProcessPresence, DeathDetector], exports: [ProcessPresence, DeathDetector] })
export class ClusterModule {}
