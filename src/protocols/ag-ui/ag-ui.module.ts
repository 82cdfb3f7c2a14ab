import { Module, type OnModuleInit } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { EngineModule } from '../../engine/engine.module.js';
import { ExecutionsModule } from '../../executions/executions.module.js';
import { ProblemFormsModule } from '../../problems/problem-forms.module.js';
import { ProblemForms } from '../../problems/problem-forms.js';
import { WaitsModule } from '../../waits/waits.module.js';
import { AgUiFormat } from './ag-ui-format.js';
import { AgUiRuns } from './ag-ui-runs.js';
import { AgUiController, runErrorForm } from './ag-ui.controller.js';
import { RunResumer } from './run-resumer.js';

/** AG-UI: front ends such as CopilotKit run saved workflows and watch executions. */
@Module({
  imports: [AuthModule, EngineModule, ExecutionsModule, ProblemFormsModule, WaitsModule],
  controllers: [AgUiController],
  providers: [AgUiFormat, AgUiRuns, RunResumer],
})
export class AgUiModule implements OnModuleInit {
  constructor(private readonly forms: ProblemForms) {}

  onModuleInit(): void {
    this.forms.add('/api/ag-ui/', runErrorForm);
  }
}
