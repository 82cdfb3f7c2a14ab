import { Module, type OnModuleInit } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { DefinitionsModule } from '../../definitions/definitions.module.js';
import { ExtensionModule } from '../../engine/extension/extension.module.js';
import { ExecutionsModule } from '../../executions/executions.module.js';
import { JournalModule } from '../../journal/journal.module.js';
import { ProblemForms } from '../../problems/problem-forms.js';
import { ProblemFormsModule } from '../../problems/problem-forms.module.js';
import { StreamQuotaModule } from '../../throttling/stream-quota.module.js';
import { ChatFormat } from './chat/chat.format.js';
import { ChatCompletionsController } from './chat-completions.controller.js';
import { EndedResponses } from './ended-responses.js';
import { ModelNames } from './model-names.js';
import { OpenAiModelsController } from './models.controller.js';
import { openAiError } from './openai-error.js';
import { ResponseCanceller } from './response-canceller.js';
import { ResponsesController } from './responses.controller.js';
import { ResponsesFormat } from './responses/responses.format.js';
import { StartRequests } from './start-request.js';

/** Saved workflows as models of OpenAI: the Responses API and chat completions. */
@Module({
  imports: [
    AuthModule,
    DefinitionsModule,
    ExecutionsModule,
    ExtensionModule,
    JournalModule,
    ProblemFormsModule,
    StreamQuotaModule,
  ],
  controllers: [ResponsesController, ChatCompletionsController, OpenAiModelsController],
  providers: [ResponsesFormat, ChatFormat, ModelNames, StartRequests, EndedResponses, ResponseCanceller],
})
export class OpenAiModule implements OnModuleInit {
  constructor(private readonly forms: ProblemForms) {}

  onModuleInit(): void {
    this.forms.add('/v1/', openAiError);
  }
}
