import type { Json } from '@cloutagent/contract';
import { z } from 'zod';
import { type NodeEvent, type NodeRun, type NodeType, NodeError } from '../engine/extension/node-handler.js';
import { testRun } from './test-run.js';

const Config = z.strictObject({ text: z.string(), times: z.int().default(2) });
type Config = z.infer<typeof Config>;

/** Makes a node type with this code. */
const node = (code: (run: NodeRun<Config>) => Promise<unknown>): NodeType<Config> => ({
  config: Config,
  run: code as (run: NodeRun<Config>) => Promise<Json>,
});
const chunk = (text: string): NodeEvent => ({ type: 'execution:output', chunk: text });

describe('testRun', () => {
  it('parses the config and returns the output, the events and the tokens', async () => {
    const repeat = node(async (run) => {
      for (let time = 0; time < run.config.times; time += 1) await run.emit(chunk(run.config.text));
      await run.countTokens('demo/echo', { input: 3, output: 5 });
      return { parent: run.inputs['a'], attempt: run.attempt };
    });
    expect(await testRun(repeat, { text: 'x' }, { inputs: { a: 7 }, attempt: 3 })).toEqual({
      output: { parent: 7, attempt: 3 },
      events: [chunk('x'), chunk('x')],
      tokens: [{ model: 'demo/echo', input: 3, output: 5 }],
    });
  });

  it('refuses a config that the schema refuses, and names the place', async () => {
    const idle = node(() => Promise.resolve(null));
    await expect(testRun(idle, { text: 'x', times: 'two' })).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining('times') as string,
    });
  });

  it('throws what the node throws, and shows the events before it', async () => {
    const failing = node(async (run) => {
      await run.emit(chunk('before'));
      throw new NodeError('no_paper', 'The printer has no paper.');
    });
    const events: NodeEvent[] = [];
    const run = testRun(failing, { text: '' }, { onEvent: (event) => events.push(event) });
    await expect(run).rejects.toMatchObject({ code: 'no_paper' });
    expect(events).toEqual([chunk('before')]);
  });

  it('answers decisions in their order, and says which one is missing', async () => {
    const asking = node(async (run) => [await run.decision(), await run.decision()]);
    const decisions = [{ approved: true }, { approved: false, by: 'key:ann', comment: 'no' }];
    expect((await testRun(asking, { text: '' }, { decisions })).output).toEqual([
      { approved: true, by: 'key:test', comment: null },
      { approved: false, by: 'key:ann', comment: 'no' },
    ]);
    await expect(testRun(asking, { text: '' }, { decisions: decisions.slice(1) })).rejects.toThrow(
      /has none for it: pass it in `decisions`/,
    );
  });

  it('stops a node when the signal aborts, also one that does not listen', async () => {
    const abort = new AbortController();
    const stubborn = node(async (run) => {
      await run.emit(chunk('x'));
      return new Promise(() => undefined);
    });
    const run = testRun(
      stubborn,
      { text: '' },
      { signal: abort.signal, onEvent: () => abort.abort(new Error('cancelled')) },
    );
    await expect(run).rejects.toThrow('cancelled');
  });

  it('refuses an event after the end of the node, without an unhandled rejection', async () => {
    let ended: NodeRun<Config> | undefined;
    const leaky = node((run) => {
      ended = run;
      return Promise.resolve(null);
    });
    const { events } = await testRun(leaky, { text: '' });
    await expect(ended!.emit(chunk('late'))).rejects.toThrow('the node has ended');
    expect(events).toEqual([]);
  });

  it('refuses outputs that the server refuses', async () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    await expect(
      testRun(
        node(() => Promise.resolve(cyclic)),
        { text: '' },
      ),
    ).rejects.toMatchObject({
      code: 'output_too_deep',
    });
    await expect(
      testRun(
        node(() => Promise.resolve(() => 1)),
        { text: '' },
      ),
    ).rejects.toMatchObject({
      code: 'output_not_json',
    });
  });
});
