import type { Json } from '@cloutagent/contract';
import { isObject, type Members, textsOf, userParts } from './content-parts.js';
import { Conversation } from './conversation.js';
import { inputError } from './input-error.js';

/** Items that servers make. The texts of a conversation are enough for the next answer, so they are left out. */
const LEFT_OUT = new Set([
  'reasoning',
  'mcp_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'compaction',
]);

/**
 * Returns the input of a request as a list of items. Text is one message of the user.
 * @throws ValidationFailedError
 */
export function itemsOf(input: Json | undefined): Members[] {
  if (typeof input === 'string')
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
  if (!Array.isArray(input)) throw inputError('input', 'must be text or a list of items');
  return input.map((item, index) => {
    if (!isObject(item))
      throw inputError(`input[${index}]`, 'must be an object: an item of the conversation');
    return item;
  });
}

/**
 * Translates the items of the Responses API into messages. System messages come first.
 * @param earlier the messages of the conversation before
 * @throws ValidationFailedError
 */
export function messagesOf(items: readonly Members[], earlier: readonly Json[]): Json[] {
  const conversation = new Conversation(earlier);
  for (const [index, item] of items.entries()) addItem(conversation, item, `input[${index}]`);
  return conversation.all;
}

function addItem(conversation: Conversation, item: Members, path: string): void {
  const type = item['type'] ?? 'message';
  switch (type) {
    case 'message':
      addMessage(conversation, item, path);
      return;
    case 'function_call':
      conversation.addCall(
        text(item, 'call_id', path),
        text(item, 'name', path),
        text(item, 'arguments', path),
      );
      return;
    case 'function_call_output': {
      const output = textsOf(item['output'], `${path}.output`).join('\n');
      if (!conversation.addResult(text(item, 'call_id', path), output))
        throw inputError(`${path}.call_id`, 'is the id of no function_call before it: send that item too');
      return;
    }
    case 'item_reference':
      throw inputError(
        `${path}.type`,
        'item_reference is not supported: send the item itself, or use previous_response_id',
      );
    default:
      if (typeof type === 'string' && LEFT_OUT.has(type)) return;
      throw inputError(
        `${path}.type`,
        'must be message, function_call or function_call_output; items that a response had may be sent back too',
      );
  }
}

function addMessage(conversation: Conversation, { role, content }: Members, path: string): void {
  const at = `${path}.content`;
  if (role === 'user') conversation.addUser(userParts(content, at));
  else if (role === 'assistant') conversation.addAssistant(textsOf(content, at));
  else if (role === 'system' || role === 'developer') conversation.addSystem(textsOf(content, at));
  else throw inputError(`${path}.role`, 'must be user, assistant, system or developer');
}

function text(item: Members, member: string, path: string): string {
  const value = item[member];
  if (typeof value === 'string' && value !== '') return value;
  throw inputError(`${path}.${member}`, 'must be text that is not empty');
}
