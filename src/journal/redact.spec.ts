import { formsOf } from '../config/secret-forms.js';
import { SecretRedactor } from '../config/secret-redactor.js';
import { encodeEvent } from '../events/encode-event.js';
import { redactChange, redactEvents } from './redact.js';
import type { RowChange } from './row-change.js';

/** The value of a secret is also the id of a node of the workflow that uses it. */
const VALUE = 'lookup-customer-1';
const OTHER = 'ä\u2028/tok+en';
const redactor = new SecretRedactor([], new SecretRedactor());
for (const value of [VALUE, OTHER]) redactor.addForms(formsOf(value));
const ids = { stepId: `step ${VALUE}`, nodeId: VALUE };

it('leaves the ids in events as they are, and redacts what they hold', () => {
  const step = { ...ids, step: VALUE, nodeType: VALUE, status: 'completed', attempt: 1 } as const;
  const output = { nodeId: VALUE, nested: [{ stepId: VALUE }] };
  const events = [
    encodeEvent('e', 1, { type: 'execution:step', fields: { ...step, output } }),
    encodeEvent('e', 2, { type: 'execution:branch', fields: { ...ids, taken: [VALUE], notTaken: [] } }),
    encodeEvent('e', 3, {
      type: 'execution:tool-result',
      fields: { ...ids, toolId: VALUE, result: { nodeId: `${OTHER} ${VALUE}` }, isError: false },
    }),
    encodeEvent('e', 4, {
      type: 'execution:completed',
      fields: {
        result: { id: 'e', status: 'completed', output, input: VALUE, steps: [{ ...step, output }] },
      } as never,
    }),
  ];
  const redacted = redactEvents(redactor, events);
  expect(redacted.map(({ data }) => JSON.parse(data) as unknown)).toMatchObject([
    {
      ...ids,
      status: 'completed',
      output: { nodeId: '[redacted]', nested: [{ stepId: '[redacted]' }] },
    },
    { ...ids, taken: [VALUE] },
    { ...ids, toolId: '[redacted]', result: { nodeId: '[redacted] [redacted]' } },
    {
      result: {
        id: 'e',
        input: '[redacted]',
        output: { nodeId: '[redacted]' },
        steps: [{ ...ids, output: { nodeId: '[redacted]' } }],
      },
    },
  ]);
});

it('keeps line ends escaped in an event of which a part stays', () => {
  const fields = { ...ids, chunk: `a\u2028b\u0085 ${VALUE}` };
  const [event] = redactEvents(redactor, [encodeEvent('e', 1, { type: 'execution:output', fields })]);
  expect(event!.data).toContain('a\\u2028b\\u0085 [redacted]');
  expect(event!.data).not.toMatch(/[\u0085\u2028\u2029]/);
});

it('leaves the ids in rows as they are, so that waits, children and calls are found again', () => {
  const change: RowChange = {
    status: 'failed',
    error: { code: 'c', message: `it was ${VALUE}`, nodeId: VALUE },
    opens: [{ id: 'w', projectId: VALUE, ...ids, key: 'k', kind: 'approval', details: { message: VALUE } }],
    rounds: [{ ...ids, round: 1, sequence: 1, content: [VALUE, OTHER], calls: [] }],
    toolCalls: [
      {
        nodeId: VALUE,
        round: 1,
        index: 0,
        result: { nodeId: VALUE },
        recorded: { stepId: VALUE, sequence: 2 },
      },
    ],
  };
  expect(redactChange(redactor, change)).toEqual({
    status: 'failed',
    error: { code: 'c', message: 'it was [redacted]', nodeId: VALUE },
    opens: [
      { id: 'w', projectId: VALUE, ...ids, key: 'k', kind: 'approval', details: { message: '[redacted]' } },
    ],
    rounds: [{ ...ids, round: 1, sequence: 1, content: ['[redacted]', '[redacted]'], calls: [] }],
    toolCalls: [
      {
        nodeId: VALUE,
        round: 1,
        index: 0,
        result: { nodeId: '[redacted]' },
        recorded: { stepId: VALUE, sequence: 2 },
      },
    ],
  });
});
