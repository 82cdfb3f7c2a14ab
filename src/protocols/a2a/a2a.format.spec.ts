import {
  completed,
  counted,
  eventsOf,
  execution,
  fold,
  format,
  ID,
  output,
  started,
  step,
} from '../../../test/support/a2a-events.js';
import { taskOf } from './task-state.js';

describe('the format a2a', () => {
  it('sends the task, the chunks of an answer, and its end', () => {
    const { frames } = fold(
      eventsOf([
        started,
        step('second', 's1', 'running'),
        output('second', 's1', 'Good '),
        output('second', 's1', 'day'),
        step('second', 's1', 'completed', { output: 'Good day' }),
        completed,
      ]),
    );
    const ids = { taskId: ID, contextId: 'context-1' };
    expect(frames).toEqual([
      {
        task: {
          id: ID,
          contextId: 'context-1',
          status: { state: 'TASK_STATE_SUBMITTED', timestamp: '2026-11-28T00:00:00.000Z' },
          history: [
            {
              messageId: 'm1',
              role: 'ROLE_USER',
              parts: [{ text: 'Hello' }],
              contextId: 'context-1',
              taskId: ID,
            },
          ],
        },
      },
      {
        statusUpdate: {
          ...ids,
          status: { state: 'TASK_STATE_WORKING', timestamp: '2026-11-28T00:00:01.000Z' },
        },
      },
      { artifactUpdate: { ...ids, artifact: { artifactId: 'second', parts: [{ text: 'Good ' }] } } },
      {
        artifactUpdate: {
          ...ids,
          artifact: { artifactId: 'second', parts: [{ text: 'day' }] },
          append: true,
        },
      },
      {
        artifactUpdate: {
          ...ids,
          artifact: { artifactId: 'second', parts: [{ text: '' }] },
          append: true,
          lastChunk: true,
        },
      },
      {
        statusUpdate: {
          ...ids,
          status: { state: 'TASK_STATE_COMPLETED', timestamp: '2026-11-28T00:00:01.005Z' },
          metadata: { usage: { input: 1, output: 2, total: 3 }, costUSD: 0.5 },
        },
      },
    ]);
  });

  it('sends an output that is no text as data, and only the outputs of last nodes', () => {
    const { state } = fold(
      eventsOf([
        started,
        step('inner', 'i', 'running'),
        output('inner', 'i', 'hidden'),
        step('inner', 'i', 'completed', { output: 'hidden' }),
        step('first', 'f', 'running'),
        step('first', 'f', 'completed', { output: { price: 3 } }),
        step('second', 's', 'running'),
        output('second', 's', '{"a":1}'),
        step('second', 's', 'completed', { output: { a: 1 } }),
        completed,
      ]),
    );
    expect(taskOf(state).artifacts).toEqual([
      { artifactId: 'first', name: 'First', parts: [{ data: { price: 3 }, mediaType: 'application/json' }] },
      {
        artifactId: 'second',
        parts: [{ text: '{"a":1}' }, { data: { a: 1 }, mediaType: 'application/json' }],
      },
    ]);
  });

  it('replaces the text of an attempt that fails by the part that stays valid', () => {
    const { frames, state } = fold(
      eventsOf([
        started, // 1
        step('second', 'a', 'running'),
        output('second', 'a', 'kept '), // 3
        ...counted('second'), // 4, 5
        output('second', 'a', 'dropped'), // 6
        step('second', 'a', 'retrying', { keptThrough: 5 }),
        step('second', 'b', 'running', { continues: 'a' }),
        output('second', 'b', 'new'),
        step('second', 'b', 'completed', { output: 'new' }),
        completed,
      ]),
    );
    expect(frames[4]).toEqual({
      artifactUpdate: {
        taskId: ID,
        contextId: 'context-1',
        artifact: { artifactId: 'second', parts: [{ text: 'kept ' }] },
      },
    });
    expect(taskOf(state).artifacts).toEqual([{ artifactId: 'second', parts: [{ text: 'kept new' }] }]);
  });

  it('asks for input while the execution waits for a client, and works again after the answer', () => {
    const wait = { waitId: 'w1', nodeId: 'first', stepId: 'f', kind: 'approval', schema: { type: 'object' } };
    const { frames } = fold(
      eventsOf([
        started,
        step('second', 's', 'running'),
        step('first', 'f', 'waiting'),
        { type: 'execution:waiting', ...wait },
        step('second', 's', 'completed', { output: 'done' }),
        { type: 'execution:wait-ended', ...wait, schema: undefined, outcome: 'answered' },
      ]),
    );
    const statuses = frames.flatMap((frame) =>
      'statusUpdate' in frame ? [(frame.statusUpdate as { status: object }).status] : [],
    );
    expect(statuses.slice(1)).toEqual([
      {
        state: 'TASK_STATE_INPUT_REQUIRED',
        timestamp: expect.any(String),
        message: {
          messageId: `${ID}.5`,
          contextId: 'context-1',
          taskId: ID,
          role: 'ROLE_AGENT',
          parts: [
            { text: 'The node first waits for an approval.' },
            {
              data: { waitId: 'w1', nodeId: 'first', kind: 'approval', schema: { type: 'object' } },
              mediaType: 'application/json',
            },
          ],
        },
      },
      { state: 'TASK_STATE_WORKING', timestamp: expect.any(String) },
    ]);
  });

  it('says why a task has failed, with the code', () => {
    const { state } = fold(
      eventsOf([started, { type: 'execution:failed', error: 'Too slow.', code: 'timeout', nodeId: 'first' }]),
    );
    expect(taskOf(state).status).toMatchObject({
      state: 'TASK_STATE_FAILED',
      message: { parts: [{ text: 'Too slow.' }, { data: { code: 'timeout', nodeId: 'first' } }] },
    });
  });

  it('ends a task that was cancelled before it began', () => {
    const { frames } = fold(eventsOf([{ type: 'execution:cancelled', reason: 'Not needed' }]));
    expect(frames).toMatchObject([
      { task: { status: { state: 'TASK_STATE_SUBMITTED' } } },
      {
        statusUpdate: {
          status: { state: 'TASK_STATE_CANCELED', message: { parts: [{ text: 'Not needed' }] } },
        },
      },
    ]);
  });

  it('ignores events that it does not know', () => {
    const unknown = { type: 'execution:new-thing', nodeId: 'first' };
    expect(fold(eventsOf([started, unknown])).frames).toHaveLength(2);
  });

  it('keeps no more of 200,000 chunks than their text', () => {
    const state = format.begin(execution);
    const [first, running] = eventsOf([started, step('second', 's', 'running')]);
    format.encode(first!, state);
    format.encode(running!, state);
    for (let sequence = 3; sequence < 200_003; sequence += 1)
      format.encode(
        { ...output('second', 's', 'word '), sequence, executionId: ID, timestamp: '' } as never,
        state,
      );
    expect(JSON.stringify(state).length).toBeLessThan(5 * 200_000 + 3_000);
  });
});
