import type { Message, Part } from './a2a-types.js';
import type { ClientWait } from './open-waits.js';
import { answerOf } from './wait-answer.js';

const wait = (kind: ClientWait['kind'], waitId = 'w1'): ClientWait => ({
  waitId,
  nodeId: 'review',
  stepId: 's',
  kind,
});
const message = (...parts: Part[]): Message => ({ messageId: 'm', role: 'ROLE_USER', parts });
const read = (kind: ClientWait['kind'], ...parts: Part[]) => answerOf(message(...parts), [wait(kind)]).answer;

describe('the answer of a message', () => {
  it.each<[ClientWait['kind'], string, object]>([
    ['approval', 'yes', { approved: true }],
    ['approval', ' Yes, but be quick', { approved: true, comment: 'but be quick' }],
    ['approval', 'OK', { approved: true }],
    ['approval', 'no', { approved: false }],
    ['approval', 'No: too expensive', { approved: false, comment: 'too expensive' }],
    ['tool', 'approve', { action: 'approve' }],
    ['tool', 'no, not this customer', { action: 'deny', reason: 'not this customer' }],
    ['failure', 'retry', { action: 'retry' }],
    ['failure', 'Fail. It is useless', { action: 'fail', reason: 'It is useless' }],
    ['signal', 'any text', { body: 'any text' }],
  ])('of a wait of kind %s can be the text %j', (kind, text, answer) => {
    expect(read(kind, { text })).toEqual(answer);
  });

  it.each<[ClientWait['kind'], unknown, object]>([
    ['approval', { approved: false, comment: 'No' }, { approved: false, comment: 'No' }],
    ['approval', { budget: 5 }, { approved: true, values: { budget: 5 } }],
    ['approval', { approved: true, values: { budget: 5 } }, { approved: true, values: { budget: 5 } }],
    ['signal', { paid: true }, { body: { paid: true } }],
    ['signal', { body: { paid: true } }, { body: { paid: true } }],
    ['signal', null, { body: null }],
    ['tool', { action: 'approve', args: { a: 1 } }, { action: 'approve', args: { a: 1 } }],
    ['failure', { action: 'output', output: 5 }, { action: 'output', output: 5 }],
  ])('of a wait of kind %s can be the data %j', (kind, data, answer) => {
    expect(read(kind, { data: data as never })).toEqual(answer);
  });

  it('takes the text beside data as the comment', () => {
    expect(read('approval', { text: 'Fine' }, { data: { approved: true } })).toEqual({
      approved: true,
      comment: 'Fine',
    });
    expect(read('tool', { text: 'Why?' }, { data: { action: 'deny' } })).toEqual({
      action: 'deny',
      reason: 'Why?',
    });
  });

  it('names its wait if several are open', () => {
    const waits = [wait('approval', 'w1'), wait('signal', 'w2')];
    expect(answerOf(message({ data: { waitId: 'w2', body: 1 } }), waits)).toEqual({
      waitId: 'w2',
      answer: { body: 1 },
    });
    expect(() => answerOf(message({ text: 'yes' }), waits)).toThrow(
      expect.objectContaining({
        code: 'invalid_answer',
        extra: { errors: [{ path: 'message.parts', message: expect.stringContaining('w1, w2') }] },
      }),
    );
    expect(() => answerOf(message({ data: { waitId: 'w3' } }), waits)).toThrow(
      expect.objectContaining({ code: 'invalid_answer' }),
    );
  });

  it.each<[ClientWait['kind'], Part[]]>([
    ['approval', [{ text: 'maybe' }]],
    ['approval', [{ text: 'yesterday' }]],
    ['tool', [{ text: 'notice' }]],
    ['failure', [{ text: 'again' }]],
    ['tool', [{ data: 5 }]],
    ['approval', [{ data: {} }, { data: {} }]],
  ])('of a wait of kind %s cannot be %j', (kind, parts) => {
    expect(() => read(kind, ...parts)).toThrow(expect.objectContaining({ code: 'invalid_answer' }));
  });
});
