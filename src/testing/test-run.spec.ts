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

  it('answers a decision, and says when it has no answer', async () => {
    const asking = node(async (run) => [await run.decision(), await run.decision()]);
    const decisions = [{ approved: false, by: 'key:ann', comment: 'no' }];
    // A node has one decision: both calls get it.
    expect((await testRun(asking, { text: '' }, { decisions })).output).toEqual([
      { approved: false, by: 'key:ann', comment: 'no' },
      { approved: false, by: 'key:ann', comment: 'no' },
    ]);
    await expect(testRun(asking, { text: '' })).rejects.toThrow(
      'The node waits (kind approval, key approval), and testRun has no answer for it: pass it in `waits` or `decisions`.',
    );
  });

  it('calls the handler again when a wait has ended', async () => {
    const calls: boolean[] = [];
    const waiting = node(async (run) => {
      calls.push(run.resumed);
      await run.emit({ type: 'execution:output', chunk: `call ${calls.length}` });
      const paid = await run.waitFor({ kind: 'signal', key: 'paid', signal: 's' });
      await run.waitFor({ kind: 'timer', ms: 86_400_000 });
      const tool = await run.waitFor({ kind: 'tool', toolName: 't', toolArgs: { a: 1 } });
      return [paid, tool] as unknown as Json;
    });
    const waits = {
      paid: { outcome: 'signalled', body: 7 },
      timer: { outcome: 'fired' },
      tool: { outcome: 'answered', action: 'approve' },
    } as const;
    const { output, events } = await testRun(waiting, { text: '' }, { waits });
    expect(output).toEqual([
      { outcome: 'signalled', body: 7, by: 'key:test' },
      { outcome: 'answered', action: 'approve', args: { a: 1 }, by: 'key:test', reason: null },
    ]);
    expect(calls).toEqual([false, true, true, true]);
    expect(events.length).toBe(4);
    expect((await testRun(waiting, { text: '' }, { waits: Object.values(waits) })).output).toEqual(output);
    await expect(testRun(waiting, { text: '' }, { waits: { paid: { outcome: 'fired' } } })).rejects.toThrow(
      'A wait of kind signal cannot end with {"outcome":"fired"}.',
    );
  });

  it('begins several waits at once, and aborts the signal of the call', async () => {
    const signals: AbortSignal[] = [];
    const waiting = node(async (run) => {
      signals.push(run.signal);
      const results = await Promise.all([
        run.waitFor({ kind: 'approval', key: 'a' }),
        run.waitFor({ kind: 'approval', key: 'b', expiresInMs: 1 }),
      ]);
      return results.map(({ outcome }) => outcome);
    });
    const waits = { a: { outcome: 'answered', approved: true }, b: { outcome: 'expired' } } as const;
    expect((await testRun(waiting, { text: '' }, { waits })).output).toEqual(['answered', 'expired']);
    expect(signals[0]!.aborted).toBe(true);
    const twice = node(
      async (run) =>
        (await Promise.all([run.waitFor({ kind: 'approval' }), run.waitFor({ kind: 'approval' })])).length,
    );
    await expect(testRun(twice, { text: '' }, { waits: [waits.a, waits.a] })).rejects.toMatchObject({
      code: 'invalid_wait',
    });
  });

  it('gives the results of children', async () => {
    const parent = node(async (run) => {
      const workflow = { nodes: [], edges: [] };
      const results = await run.runChildren({ key: 'items', workflow, inputs: [1, 2], firstIndex: 3 });
      return results.map(({ index, status, output, error }) => [
        index,
        status,
        output ?? error?.message ?? null,
      ]);
    });
    const children = { items: [{ output: 'one' }, { error: { message: 'no', code: 'x' } }] };
    expect((await testRun(parent, { text: '' }, { children })).output).toEqual([
      [3, 'completed', 'one'],
      [4, 'failed', 'no'],
    ]);
    await expect(testRun(parent, { text: '' })).rejects.toThrow('pass them in `children`');
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
