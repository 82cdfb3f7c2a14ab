import { Global, Module } from '@nestjs/common';
import { AuthModule } from './auth/auth.module.js';
import { EngineModule } from './engine/engine.module.js';
import { EventsModule } from './events/events.module.js';
import { ExecutionsModule } from './executions/executions.module.js';
import { StreamingModule } from './streaming/streaming.module.js';

const MODULES = [AuthModule, EngineModule, EventsModule, ExecutionsModule, StreamingModule];

/**
 * Makes the services that other teams may inject available to every module, because the modules that provide them are not
 * exported from the package.
 */
@Global()
@Module({ imports: MODULES, exports: MODULES })
export class PublicServicesModule {}
