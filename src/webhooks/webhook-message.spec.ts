import type { EventType } from '@cloutagent/contract';
import { headerText, messageOf, messageTypeOf } from './webhook-message.js';

const source = { executionId: 'e', projectId: 'p', workflowName: 'w', workflowVersion: 2 };
const event = (more: object = {}) => ({
  sequence: 7,
  type: 'execution:step' as const,
  data: JSON.stringify({ executionId: 'e', timestamp: '2026-11-23T18:00:00.000Z', ...more }),
});

describe('a message of a webhook', () => {
  it.each<[EventType, string]>([
    ['execution:completed', 'execution.completed'],
    ['execution:token-usage', 'execution.token_usage'],
    ['execution:wait-ended', 'execution.wait_ended'],
  ])('names %s as %s', (type, name) => {
    expect(messageTypeOf(type)).toBe(name);
    expect(name).toMatch(/^[a-zA-Z0-9_.]+$/);
  });

  it.each([
    ['a.b-c_1', 'a.b-c_1'],
    ['Straße 100%', 'Stra%C3%9Fe%20100%25'],
    ['say "no"', 'say%20%22no%22'],
    ['a\r\nx-evil: 1', 'a%0D%0Ax-evil:%201'],
    ['😀\ud800\0\x7f', '%F0%9F%98%80%EF%BF%BD%00%7F'],
  ])('encodes the header value %j', (text, encoded) => {
    expect(headerText(text)).toBe(encoded);
    expect(decodeURIComponent(encoded)).toBe(text.toWellFormed());
  });

  it('has the event in a full payload, and its ids alone in a thin one', () => {
    const full = messageOf(event({ nodeId: 'a b', output: 'x' }), source, {
      payload: 'full',
      cloudEvents: true,
    });
    expect(full.id).toBe('e:7');
    expect(JSON.parse(full.body)).toEqual({
      type: 'execution.step',
      timestamp: '2026-11-23T18:00:00.000Z',
      data: {
        type: 'execution:step',
        sequence: 7,
        executionId: 'e',
        timestamp: '2026-11-23T18:00:00.000Z',
        nodeId: 'a b',
        output: 'x',
        projectId: 'p',
        workflow: { name: 'w', version: 2 },
      },
    });
    expect(full.headers).toMatchObject({ 'ce-id': 'e:7', 'ce-subject': 'a%20b', 'webhook-id': 'e:7' });
    const thin = messageOf(event({ output: 'x' }), source, { payload: 'thin', cloudEvents: false });
    expect(JSON.parse(thin.body).data).toEqual({ executionId: 'e', sequence: 7, projectId: 'p' });
    expect(Object.keys(thin.headers).filter((name) => name.startsWith('ce-'))).toEqual([]);
  });
});
