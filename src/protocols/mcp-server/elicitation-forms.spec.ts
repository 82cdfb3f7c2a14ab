import { answerOf, formOf } from './elicitation-forms.js';
import type { AskedWait } from './mcp-state.js';

const wait = (fields: Partial<AskedWait>): AskedWait => ({
  waitId: 'w',
  nodeId: 'review',
  kind: 'approval',
  ...fields,
});
const BUDGET = {
  type: 'object',
  properties: { budget: { type: 'number', minimum: 0, multipleOf: 5 }, team: { enum: ['a', 'b'] } },
  required: ['budget'],
};

it('formOf asks for an approval and the values of its form', () => {
  expect(formOf(wait({ message: 'May this go out?', schema: BUDGET }))).toEqual({
    message: 'May this go out?',
    requestedSchema: {
      type: 'object',
      properties: {
        approved: { type: 'boolean', title: 'Approved', description: 'No rejects it.' },
        budget: { type: 'number', minimum: 0 },
        team: { type: 'string', enum: ['a', 'b'] },
        comment: { type: 'string', title: 'Comment', maxLength: 2_000 },
      },
      required: ['approved'],
    },
  });
});

it('formOf asks for choices with titles, and for several of them', () => {
  const options = [
    { const: 'a', title: 'First' },
    { const: 'b', title: 'Second' },
  ];
  const properties = {
    one: { type: 'string', oneOf: options },
    some: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, minItems: 1 },
    titled: { type: 'array', items: { anyOf: options } },
  };
  expect(
    formOf(wait({ kind: 'signal', schema: { type: 'object', properties } }))?.requestedSchema.properties,
  ).toEqual(properties);
});

it('formOf repeats what was wrong with the answer before', () => {
  expect(formOf(wait({ message: 'Well?' }), 'budget: is required')?.message).toBe(
    'budget: is required\nWell?',
  );
});

it('formOf shows the call of a tool with its arguments', () => {
  const form = formOf(wait({ kind: 'tool', toolName: 'crm/delete', toolArgs: { id: 7 } }));
  expect(form?.message).toBe('review wants to call crm/delete with {"id":7}.');
  expect(form?.requestedSchema.required).toEqual(['action']);
});

it('formOf asks for the body of a signal: an object, one value, or a text', () => {
  const signal = (schema?: Record<string, unknown>) =>
    formOf(wait({ kind: 'signal', signal: 'paid', ...(schema && { schema }) }))?.requestedSchema;
  expect(signal(BUDGET)?.required).toEqual(['budget']);
  expect(signal({ type: 'integer', minimum: 1 })?.properties).toEqual({
    body: { type: 'integer', minimum: 1 },
  });
  expect(signal()?.properties).toEqual({ body: { type: 'string' } });
});

it.each<[string, Partial<AskedWait>]>([
  ['objects', { schema: { type: 'object', properties: { a: { type: 'object' } } } }],
  ['lists', { schema: { type: 'object', properties: { a: { type: 'array' } } } }],
  [
    'lists of numbers',
    { schema: { type: 'object', properties: { a: { type: 'array', items: { type: 'number' } } } } },
  ],
  [
    'a choice of numbers',
    { schema: { type: 'object', properties: { a: { type: 'string', oneOf: [{ const: 1 }] } } } },
  ],
  ['a reference', { schema: { type: 'object', properties: { a: { $ref: '#/$defs/a' } } } }],
  ['numbers to choose from', { schema: { type: 'object', properties: { a: { enum: [1, 2] } } } }],
  ['a member without a schema', { schema: { type: 'object', required: ['a'] } }],
  [
    'a field with the name of an own one',
    { schema: { type: 'object', properties: { approved: { type: 'string' } } } },
  ],
  ['no type', { schema: {} }],
  ['a signal with a list', { kind: 'signal', schema: { type: 'array' } }],
  ['a failure', { kind: 'failure' }],
])('formOf has no form for %s', (_kind, fields) => {
  expect(formOf(wait(fields))).toBeUndefined();
});

it('answerOf makes the answers that the API takes', () => {
  expect(answerOf(wait({ schema: BUDGET }), { approved: true, budget: 5, comment: 'ok' })).toEqual({
    approved: true,
    comment: 'ok',
    values: { budget: 5 },
  });
  expect(answerOf(wait({}), { approved: true, comment: '' })).toEqual({ approved: true });
  expect(answerOf(wait({ schema: BUDGET }), { approved: false })).toEqual({ approved: false });
  expect(answerOf(wait({ kind: 'tool' }), { action: 'approve' })).toEqual({ action: 'approve' });
  expect(answerOf(wait({ kind: 'tool' }), { action: 'deny', reason: 'no' })).toEqual({
    action: 'deny',
    reason: 'no',
  });
  expect(answerOf(wait({ kind: 'signal', schema: BUDGET }), { budget: 1 })).toEqual({ body: { budget: 1 } });
  expect(answerOf(wait({ kind: 'signal' }), { body: 'x' })).toEqual({ body: 'x' });
});
