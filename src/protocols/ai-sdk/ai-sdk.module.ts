import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { EngineModule } from '../../engine/engine.module.js';
import { ExtensionModule } from '../../engine/extension/extension.module.js';
import { ExecutionsModule } from '../../executions/executions.module.js';
import { WaitsModule } from '../../waits/waits.module.js';
import { AiSdkChats } from './ai-sdk-chats.js';
import { AiSdkController } from './ai-sdk.controller.js';
import { AiSdkFormat } from './ai-sdk.format.js';
import { ChatAnswers } from './chat-answers.js';
import { DeliveredAnswers } from './delivered-answers.js';

/** The protocol of `useChat` of the AI SDK over saved workflows, and its format of streams. */
@Module({
  imports: [AuthModule, EngineModule, ExtensionModule, ExecutionsModule, WaitsModule],
  controllers: [AiSdkController],
  providers: [AiSdkFormat, AiSdkChats, ChatAnswers, DeliveredAnswers],
})
export class AiSdkModule {}
