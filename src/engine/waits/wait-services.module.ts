import { Module } from '@nestjs/common';
import { NodesModule } from '../nodes/nodes.module.js';
import { Callbacks } from './callbacks.js';
import { FormCheck } from './form-check.js';
import { Signals } from './signals.js';
import { WaitAnswers } from './wait-answers.js';
import { WaitSettlement } from './wait-settlement.js';

/** Waits of nodes, and what ends them. */
@Module({
  imports: [NodesModule],
  providers: [WaitSettlement, FormCheck, WaitAnswers, Signals, Callbacks],
  exports: [WaitSettlement, WaitAnswers, Signals, Callbacks],
})
export class WaitServicesModule {}
