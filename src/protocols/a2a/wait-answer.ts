import type { Json } from '@cloutagent/contract';
import { ProblemError } from '../../problems/problem.error.js';
import type { Message } from './a2a-types.js';
import type { ClientWait } from './open-waits.js';

/** What a message answers, and how. */
export interface MessageAnswer {
  readonly waitId: string;
  /** In the form of `AnswerWait`, not checked yet. */
  readonly answer: Record<string, Json>;
}

const YES_OR_NO =
  /^\s*(?:(yes|y|ok|okay|approve|approved|true)|(no|n|reject|rejected|deny|denied|false))(?:$|[\s,.:;!-]+)(.*)$/is;
const RETRY_OR_FAIL = /^\s*(retry|fail)(?:$|[\s,.:;!-]+)(.*)$/is;

/**
 * Reads the message of a client as the answer to an open wait.
 *
 * - An object in a data part is the answer, in the form of `POST /api/waits/:waitId/answer`. Its member `waitId` chooses the
 *   wait, and is needed if several are open. Without `approved` it is the values of the form of an approval, which it approves.
 *   Without `body` it is the body of a signal.
 * - A text begins with yes or no for approvals and tools, and with retry or fail for failures. What follows is the comment. For a
 *   signal the text is the body.
 *
 * @throws ProblemError 400 `invalid_answer`
 */
export function answerOf({ parts }: Message, waits: readonly ClientWait[]): MessageAnswer {
  const text = parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join('\n');
  const found = parts.filter((part) => 'data' in part).map(({ data }) => data ?? null);
  if (found.length > 1) throw invalid('parts', 'must have one data part at most: the answer to one wait');
  const [data] = found;
  const { waitId, rest } = separate(data);
  const wait = choose(waits, waitId);
  const answer =
    data === undefined ? fromText(wait, text) : fromData(wait, rest, text === '' ? undefined : text);
  return { waitId: wait.waitId, answer };
}

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function separate(data: Json | undefined): { waitId: string | undefined; rest: Json } {
  if (!isObject(data) || typeof data['waitId'] !== 'string') return { waitId: undefined, rest: data ?? null };
  const { waitId, ...rest } = data;
  return { waitId, rest };
}

function choose(waits: readonly ClientWait[], waitId: string | undefined): ClientWait {
  const chosen =
    waitId === undefined
      ? waits.length === 1
        ? waits[0]
        : undefined
      : waits.find((wait) => wait.waitId === waitId);
  if (chosen) return chosen;
  const open = waits.map((wait) => wait.waitId).join(', ');
  throw waitId === undefined
    ? invalid(
        'parts',
        `must name one of the open waits: send a data part with the member waitId, one of ${open}`,
      )
    : invalid('parts.data.waitId', `must be the id of an open wait of the task: one of ${open}`);
}

function fromData({ kind }: ClientWait, data: Json, comment: string | undefined): Record<string, Json> {
  const isForm = !isObject(data) || !Object.hasOwn(data, kind === 'signal' ? 'body' : 'approved');
  switch (kind) {
    case 'approval':
      return {
        ...(isForm ? { approved: true, values: data } : data),
        ...(comment !== undefined && { comment }),
      };
    case 'signal':
      return isForm ? { body: data } : data;
    default:
      if (!isObject(data)) throw invalid('parts.data', 'must be an object with the member action');
      return { ...data, ...(comment !== undefined && { reason: comment }) };
  }
}

function fromText({ kind }: ClientWait, text: string): Record<string, Json> {
  if (kind === 'signal') return { body: text };
  if (kind === 'failure') {
    const [, action, reason] = RETRY_OR_FAIL.exec(text) ?? [];
    if (action === undefined)
      throw invalid(
        'parts',
        'must begin with retry or fail, or be a data part such as {"action":"output","output":1}',
      );
    return { action: action.toLowerCase(), ...(reason && { reason }) };
  }
  const [all, yes, , comment] = YES_OR_NO.exec(text) ?? [];
  if (all === undefined)
    throw invalid(
      'parts',
      'must begin with yes or no, or be a data part with the answer, such as {"approved":true}',
    );
  if (kind === 'tool')
    return { action: yes === undefined ? 'deny' : 'approve', ...(comment && { reason: comment }) };
  return { approved: yes !== undefined, ...(comment && { comment }) };
}

const invalid = (path: string, message: string): ProblemError =>
  new ProblemError('invalid_answer', undefined, { errors: [{ path: `message.${path}`, message }] });
