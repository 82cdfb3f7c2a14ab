import type { Json, WaitKind } from '@cloutagent/contract';
import { parseAnswer } from '../../engine/waits/answer-shape.js';
import { answerOf } from './resume-answer.js';

const resolved = (kind: WaitKind, payload?: Json) =>
  answerOf(kind, {
    interruptId: 'w1',
    status: 'resolved',
    ...(payload !== undefined && { payload }),
  });
const cancelled = (kind: WaitKind) => answerOf(kind, { interruptId: 'w1', status: 'cancelled' });

describe('answerOf', () => {
  test.each<[WaitKind, Json | undefined, object]>([
    ['approval', undefined, { approved: true }],
    ['approval', false, { approved: false }],
    ['approval', { approved: true, values: { a: 1 } }, { approved: true, values: { a: 1 } }],
    ['tool', true, { action: 'approve' }],
    ['tool', false, { action: 'deny' }],
    ['tool', { approved: true, editedArgs: { a: 1 } }, { action: 'approve', args: { a: 1 } }],
    ['tool', { approved: false, editedArgs: { a: 1 }, reason: 'No.' }, { action: 'deny', reason: 'No.' }],
    ['tool', { action: 'approve', args: { a: 1 } }, { action: 'approve', args: { a: 1 } }],
    ['signal', { paid: true }, { body: { paid: true } }],
    ['signal', undefined, { body: null }],
    ['failure', 'fail', { action: 'fail' }],
    ['failure', { action: 'output', output: 1 }, { action: 'output', output: 1 }],
  ])('reads the payload of %s: %j', (kind, payload, answer) => {
    expect(resolved(kind, payload)).toEqual(answer);
    expect(parseAnswer(kind, answer as Record<string, unknown>).problems).toBeUndefined();
  });

  test.each<[WaitKind, Json]>([
    ['approval', 'yes'],
    ['tool', { approved: 'yes' }],
    ['tool', {}],
    ['failure', {}],
  ])('makes an answer of a wrong payload of %s that is refused: %j', (kind, payload) => {
    expect(parseAnswer(kind, resolved(kind, payload)).problems).not.toEqual([]);
    expect(parseAnswer(kind, resolved(kind, payload)).answer).toBeUndefined();
  });

  test('declines what is cancelled, except for a signal', () => {
    expect(cancelled('approval')).toEqual({ approved: false });
    expect(cancelled('tool')).toEqual({ action: 'deny' });
    expect(cancelled('failure')).toEqual({ action: 'fail' });
    expect(() => cancelled('signal')).toThrow('cannot be declined');
  });
});
