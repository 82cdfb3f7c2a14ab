import type { WaitKind } from '@cloutagent/contract';
import { parseAnswer } from './answer-shape.js';

it.each<[WaitKind, object, object]>([
  ['approval', { approved: true }, { approved: true, comment: null, values: null }],
  [
    'approval',
    { approved: false, comment: 'no', values: { n: 1 } },
    { approved: false, comment: 'no', values: { n: 1 } },
  ],
  ['approval', { approved: true, action: undefined }, { approved: true, comment: null, values: null }],
  ['signal', { body: null }, { body: null }],
  ['signal', { body: [1] }, { body: [1] }],
  ['tool', { action: 'approve' }, { action: 'approve', reason: null }],
  ['tool', { action: 'approve', args: { a: 1 } }, { action: 'approve', args: { a: 1 }, reason: null }],
  ['tool', { action: 'deny', reason: 'no' }, { action: 'deny', reason: 'no' }],
  ['failure', { action: 'retry' }, { action: 'retry', reason: null }],
  ['failure', { action: 'fail', reason: 'x' }, { action: 'fail', reason: 'x' }],
  ['failure', { action: 'output', output: null }, { action: 'output', output: null, reason: null }],
])('accepts for kind %s the answer %j', (kind, given, answer) => {
  expect(parseAnswer(kind, { ...given })).toEqual({ answer });
});

it.each<[WaitKind, object, string]>([
  ['approval', {}, 'approved: is required: true or false'],
  ['approval', { approved: 'yes' }, 'approved: is required: true or false'],
  ['approval', { approve: true, approved: true }, 'approve: is not known: did you mean approved?'],
  [
    'approval',
    { approved: true, body: 1 },
    'body: is not known: remove it, or use one of approved, comment, values',
  ],
  ['signal', {}, 'body: is required: any JSON value'],
  ['signal', { approved: true, body: 1 }, 'approved: is not known: remove it, or use one of body'],
  ['tool', { action: 'retry' }, 'action: must be approve or deny'],
  ['tool', {}, 'action: must be approve or deny'],
  ['tool', { action: 'deny', args: {} }, 'args: is not known: remove it, or use one of action, reason'],
  ['failure', { action: 'approve' }, 'action: must be retry, fail or output'],
  ['failure', { action: 'output' }, 'output: is required: any JSON value'],
  [
    'failure',
    { action: 'retry', output: 1 },
    'output: is not known: remove it, or use one of action, reason',
  ],
  ['timer', {}, ': a wait of kind timer ends by itself and takes no answer'],
  ['children', { approved: true }, ': a wait of kind children ends by itself and takes no answer'],
])('refuses for kind %s the answer %j', (kind, given, problem) => {
  const { problems } = parseAnswer(kind, { ...given });
  expect(problems?.map(({ path, message }) => `${path}: ${message}`)).toEqual([problem]);
});
