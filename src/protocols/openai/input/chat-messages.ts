import type { Json } from '@cloutagent/contract';
import { isObject, type Members, textsOf, userParts } from './content-parts.js';
import { Conversation } from './conversation.js';
import { inputError } from './input-error.js';

/**
 * Translates the messages of chat completions into the AI SDK's form. System messages come first.
 * @throws ValidationFailedError
 */
export function chatMessages(messages: readonly Json[]): Json[] {
  const conversation = new Conversation();
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    if (!isObject(message)) throw inputError(path, 'must be an object: a message with role and content');
    addMessage(conversation, message, path);
  }
  return conversation.all;
}

function addMessage(conversation: Conversation, message: Members, path: string): void {
  const { role, content } = message;
  const at = `${path}.content`;
  switch (role) {
    case 'user':
      conversation.addUser(userParts(content, at));
      return;
    case 'assistant':
      conversation.addAssistant(textsOf(content, at));
      addCalls(conversation, message['tool_calls'], `${path}.tool_calls`);
      return;
    case 'system':
    case 'developer':
      conversation.addSystem(textsOf(content, at));
      return;
    case 'tool': {
      const id = message['tool_call_id'];
      if (typeof id !== 'string' || !conversation.addResult(id, textsOf(content, at).join('\n')))
        throw inputError(`${path}.tool_call_id`, 'must be the id of a call of the assistant before it');
      return;
    }
    default:
      throw inputError(`${path}.role`, 'must be user, assistant, system, developer or tool');
  }
}

function addCalls(conversation: Conversation, calls: Json | undefined, path: string): void {
  if (calls === undefined || calls === null) return;
  if (!Array.isArray(calls)) throw inputError(path, 'must be a list of calls');
  for (const [index, call] of calls.entries()) {
    const made = isObject(call) ? call['function'] : undefined;
    if (!isObject(call) || !isObject(made))
      throw inputError(`${path}[${index}]`, 'must be a call with the members id and function');
    const { name, arguments: args } = made;
    const { id } = call;
    if (typeof id !== 'string' || typeof name !== 'string' || typeof args !== 'string')
      throw inputError(`${path}[${index}]`, 'must have id, function.name and function.arguments as text');
    conversation.addCall(id, name, args);
  }
}
