import type { FakeAnswer } from './fake-answer.js';

const STOP = { end: 'end_turn', length: 'max_tokens', filter: 'refusal' } as const;

/** Returns the server-sent events of one streamed message in Anthropic's order. */
export function anthropicFrames(answer: FakeAnswer, model: string): string[] {
  const {
    text = answer.toolCalls ? [] : ['Hello', ' world'],
    thinking = [],
    toolCalls = [],
    usage = { input: 10, output: 5 },
    signature = 'c2lnbmF0dXJl',
  } = answer;
  const frames: string[] = [];
  const send = (type: string, fields: object) =>
    frames.push(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  let index = 0;
  const block = (start: object, deltas: object[]) => {
    send('content_block_start', { index, content_block: start });
    for (const delta of deltas) send('content_block_delta', { index, delta });
    send('content_block_stop', { index });
    index += 1;
  };

  send('message_start', {
    message: {
      id: 'msg_fake',
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: {
        input_tokens: usage?.input ?? 0,
        output_tokens: 1,
        cache_creation_input_tokens: usage?.cachedWrite ?? 0,
        cache_read_input_tokens: usage?.cachedRead ?? 0,
      },
    },
  });
  send('ping', {});
  if (thinking.length > 0) {
    const deltas = thinking.map((chunk) => ({ type: 'thinking_delta', thinking: chunk }));
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...deltas,
      { type: 'signature_delta', signature },
    ]);
  }
  if (text.length > 0)
    block(
      { type: 'text', text: '' },
      text.map((chunk) => ({ type: 'text_delta', text: chunk })),
    );
  for (const [number, { id = `toolu_${number}`, name, args }] of toolCalls.entries()) {
    const json = JSON.stringify(args);
    const half = Math.ceil(json.length / 2);
    const deltas = ['', json.slice(0, half), json.slice(half)].map((part) => ({
      type: 'input_json_delta',
      partial_json: part,
    }));
    block({ type: 'tool_use', id, name, input: {} }, deltas);
  }
  const reason = answer.stopReason ? STOP[answer.stopReason] : toolCalls.length > 0 ? 'tool_use' : 'end_turn';
  send('message_delta', {
    delta: { stop_reason: reason, stop_sequence: null },
    usage: { output_tokens: usage?.output ?? 0 },
  });
  send('message_stop', {});
  return frames;
}
