import type { Json } from '@cloutagent/contract';
import { type InterceptedStep, type NodeEvent, type StepFailure, StepInterceptor } from '@cloutagent/server';
import type { StepHooks, ToolCall, ToolResult } from '@cloutagent/server';

/** Hides card numbers before the journal, watchers, models and later nodes get them. */
@StepInterceptor()
export class CardRedaction implements StepHooks {
  /** Two chunks of text may share a number, so watchers get no chunk with digits. The output has the whole text. */
  event(_step: InterceptedStep, event: NodeEvent): NodeEvent | null {
    return 'chunk' in event && /\d/.test(event.chunk) ? null : hide(event);
  }

  output = (_step: InterceptedStep, output: Json): Json => hide(output);
  afterToolCall = (_step: InterceptedStep, _call: ToolCall, result: ToolResult): ToolResult => hide(result);
  onError = (_step: InterceptedStep, failure: StepFailure): StepFailure => hide(failure);
}

const CARD = /\b\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}\b/g;
const hide = <Value>(value: Value): Value =>
  JSON.parse(JSON.stringify(value), (_key, part: Json) => {
    if (typeof part === 'object') return part;
    const hidden = String(part).replaceAll(CARD, '[card]');
    return hidden === String(part) ? part : hidden;
  }) as Value;
