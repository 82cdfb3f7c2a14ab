import { StreamResponse, Task } from '@a2a-js/sdk';
import { AgentEvent, InMemoryTaskStore, ResultManager, ServerCallContext } from '@a2a-js/sdk/server';

/** A part of a task as JSON. */
interface PartJson {
  text?: string;
}
interface TaskJson {
  artifacts?: { parts?: PartJson[] }[];
}

/** Joins the texts of parts that follow each other: a client has a part for each chunk. */
export function withJoinedTexts(task: unknown): unknown {
  const { artifacts, ...rest } = task as TaskJson;
  return {
    ...rest,
    artifacts: (artifacts ?? []).map(({ parts = [], ...artifact }) => {
      const joined: PartJson[] = [];
      for (const part of parts) {
        const last = joined.at(-1);
        if (part.text !== undefined && last?.text !== undefined) last.text += part.text;
        else joined.push({ ...part });
      }
      return { ...artifact, parts: joined.filter(({ text }) => text !== '' || joined.length === 1) };
    }),
  };
}

/**
 * Reads the StreamResponse objects of a stream as the SDK does, and joins them to a task with the SDK's own reducer.
 * @throws if an object has a member that the protocol does not know, or none that it knows
 */
export async function taskOfStream(responses: readonly object[]): Promise<unknown> {
  const reducer = new ResultManager(new InMemoryTaskStore(), new ServerCallContext());
  for (const response of responses) {
    const parsed = StreamResponse.fromJSON(response);
    expect(JSON.parse(JSON.stringify(StreamResponse.toJSON(parsed)))).toEqual(
      JSON.parse(JSON.stringify(response)),
    );
    const { payload } = parsed;
    if (payload?.$case === 'task') await reducer.processEvent(AgentEvent.task(payload.value));
    else if (payload?.$case === 'statusUpdate')
      await reducer.processEvent(AgentEvent.statusUpdate(payload.value));
    else if (payload?.$case === 'artifactUpdate')
      await reducer.processEvent(AgentEvent.artifactUpdate(payload.value));
    else throw new Error(`not a StreamResponse of a task: ${JSON.stringify(response)}`);
  }
  return withJoinedTexts(Task.toJSON(reducer.getFinalResult() as Task));
}
