import { A2aFormat } from '../../src/protocols/a2a/a2a.format.ts';
import { jsonRpcFormat } from '../../src/protocols/a2a/json-rpc.format.ts';
import { taskOf, type TaskState } from '../../src/protocols/a2a/task-state.ts';
import { FormatEncoder } from '../../src/streaming/formats/format-encoder.ts';
import { taskOfStream, withJoinedTexts } from './a2a-task.ts';
import { checkPure } from './format-journal.ts';
import type { EndedJournal } from './random-journals.ts';

const MAX_CUTS = 12;
const format = new A2aFormat();

/**
 * Checks a journal with the code of the SDK: a client that subscribes after any number of events has in the end the task that
 * GetTask shows, with the output of the execution.
 */
export async function checkA2a(journal: EndedJournal): Promise<void> {
  checkPure(format, journal);
  checkPure(jsonRpcFormat(format, 1).format, journal);
  const { events } = journal;
  const { frames, task } = subscribe(journal, 0);
  const expected = withJoinedTexts(JSON.parse(JSON.stringify(task)));
  expect(await taskOfStream(frames)).toEqual(expected);
  const cuts = Math.min(events.length, MAX_CUTS);
  for (let cut = 1; cut < cuts; cut += 1) {
    const after = Math.floor((cut * events.length) / cuts);
    expect(await taskOfStream(subscribe(journal, after).frames)).toEqual(expected);
  }
  const status = events.at(-1)!.type.replace('execution:', '').replace('cancelled', 'canceled');
  expect(task.status.state).toBe(`TASK_STATE_${status.toUpperCase()}`);
  for (const { artifactId, parts } of task.artifacts ?? []) {
    const step = events.findLast((event) => event.type === 'execution:step' && event.nodeId === artifactId);
    if (step?.type !== 'execution:step' || step.status !== 'completed') continue;
    const answer = typeof step.output === 'string' ? step.output : JSON.stringify(step.output);
    const shown = parts.map(({ text, data }) => text ?? JSON.stringify(data)).join('\n');
    expect(shown).toContain(answer);
  }
}

/** The stream of a client that subscribes after a number of events, and the task in the end. */
function subscribe({ execution, events }: EndedJournal, after: number) {
  const encoder = FormatEncoder.begin({ name: 'a2a', format, execution });
  const framesOf = ({ type, sequence, ...data }: EndedJournal['events'][number]) =>
    encoder.frames({ type, sequence, data: JSON.stringify(data) });
  for (const event of events.slice(0, after)) framesOf(event);
  const stream = [...encoder.fork().opening(), ...events.slice(after).flatMap(framesOf)];
  return { frames: stream.map(({ data }) => data as object), task: taskOf(encoder.state as TaskState) };
}
