import type { Json } from '@cloutagent/contract';
import type { FormattedExecution } from '../../../streaming/formats/event-format.js';
import { answerText } from '../../answer-nodes.js';
import type { Members } from '../input/content-parts.js';
import type { ListInputItems } from '../input/requests.js';
import { itemsOf } from '../input/response-input.js';
import { recordOf } from '../request-record.js';

/** Returns a page of the items of a request, in the form of OpenAI. */
export function inputItems(execution: FormattedExecution, { after, limit, order }: ListInputItems) {
  const all = itemsIn(execution).map((item, index) => withId(item, `item_${execution.id}_${index}`));
  const ordered = order === 'asc' ? all : all.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  const data = ordered.slice(start, start + limit);
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + data.length < ordered.length,
  };
}

/** Executions that another API has started have no items, so their input is one. */
function itemsIn(execution: FormattedExecution): readonly Members[] {
  const items = recordOf(execution)?.items ?? [];
  return items.length > 0 ? (items as unknown as Members[]) : itemsOf(answerText(execution.input));
}

function withId(item: Members, id: string): Members & { id: string } {
  const { content, role } = item;
  const type = item['type'] ?? 'message';
  const part = role === 'assistant' ? 'output_text' : 'input_text';
  const parts: Json | undefined = typeof content === 'string' ? [{ type: part, text: content }] : content;
  return {
    ...item,
    type,
    id: typeof item['id'] === 'string' ? item['id'] : id,
    ...(parts !== undefined && { content: parts }),
  };
}
