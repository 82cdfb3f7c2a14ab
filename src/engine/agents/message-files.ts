import { Injectable } from '@nestjs/common';
import type { LanguageModelV4Prompt } from '@ai-sdk/provider';
import type { Messages } from './messages.js';

/** Makes the prompt of a conversation, and loads its images and files. */
@Injectable()
export class MessageFiles {
  /**
   * Makes the prompt for the model. Files by URL are loaded through the restricted client, within limits.
   * @throws NodeError `message_file_invalid`, `host_not_allowed`, …; TransientError; the reason of `signal`
   */
  prompt(messages: Messages, _signal: AbortSignal): Promise<LanguageModelV4Prompt> {
    return Promise.resolve(
      messages.map(({ role, content }) => ({ role, content: [{ type: 'text', text: content }] })),
    );
  }
}
