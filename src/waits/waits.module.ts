import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { ExecutionsModule } from '../executions/executions.module.js';
import { CallbacksController } from './callbacks.controller.js';
import { AnswerRecorder } from './commands/answer-recorder.js';
import { SignalSender } from './commands/signal-sender.js';
import { ListedWaitsRepository } from './queries/listed-waits.repository.js';
import { WaitList } from './queries/wait-list.js';
import { SignalsController } from './signals.controller.js';
import { WaitsController } from './waits.controller.js';

/** What people and other systems do about waits: the inbox, answers, signals and callbacks. */
@Module({
  imports: [AuthModule, EngineModule, ExecutionsModule],
  controllers: [WaitsController, SignalsController, CallbacksController],
  providers: [ListedWaitsRepository, WaitList, AnswerRecorder, SignalSender],
  exports: [AnswerRecorder, WaitList],
})
export class WaitsModule {}
