import OpenAI, {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from 'openai';
import type { Response as OpenAiResponse, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { keyFor, saveOpenAiWorkflows } from './support/openai-workflows.js';
import { createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

describe('the clients of OpenAI', () => {
  let server: Server;
  let settings: Record<string, string>;
  let client: OpenAI;
  let apiKey: string;
  beforeAll(async () => {
    settings = {
      DATABASE_URL: await createDatabase(),
      RETRY_BASE_MS: '1',
      PROCESS_RECONNECT_TIMEOUT_MS: '500',
      HEARTBEAT_INTERVAL_MS: '50',
    };
    server = await Server.start(settings);
    await saveOpenAiWorkflows(server);
    apiKey = await keyFor(server);
    client = clientOf({ apiKey });
  });
  afterAll(() => server.kill('SIGTERM'));

  const clientOf = (options: { apiKey: string; defaultHeaders?: Record<string, string> }) =>
    new OpenAI({ baseURL: `${server.url}/v1`, maxRetries: 0, ...options });
  const collect = async <T>(stream: AsyncIterable<T>): Promise<T[]> => {
    const items: T[] = [];
    for await (const item of stream) items.push(item);
    return items;
  };
  /** The response of the last event. */
  const finalOf = (events: readonly ResponseStreamEvent[]): OpenAiResponse =>
    (events.at(-1) as { response: OpenAiResponse }).response;
  const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );
  const executions = async (): Promise<number> => {
    const { body } = await server.call('GET', '/api/projects/demo/stats');
    const { total } = body as unknown as { total: { executions: Record<string, number> } };
    return Object.values(total.executions).reduce((sum, count) => sum + count, 0);
  };

  describe('responses.create', () => {
    it('waits for the answer', async () => {
      const response = await client.responses.create({
        model: 'chat',
        input: 'Hello there',
        instructions: 'Be short.',
        metadata: { page: '7' },
      });
      expect(response).toMatchObject({
        id: expect.stringMatching(/^resp_[0-9a-f-]{36}$/),
        object: 'response',
        status: 'completed',
        model: 'chat@1',
        instructions: 'Be short.',
        metadata: { page: '7' },
        error: null,
        usage: { output_tokens: expect.any(Number) },
      });
      expect(response.output_text.length).toBeGreaterThan(20);
      expect(response.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
      const { input_tokens: input, output_tokens: output, total_tokens: total } = response.usage!;
      expect(total).toBe(input + output);
      const { body } = await server.call('GET', `/api/executions/${response.id.slice('resp_'.length)}`);
      expect(body).toMatchObject({ status: 'completed', output: response.output_text });
      expect(await client.responses.retrieve(response.id)).toEqual(response);
    });

    it('gives the workflow the conversation in the form of the AI SDK', async () => {
      const { output_text: text } = await client.responses.create({
        model: 'echo',
        instructions: 'Be kind.',
        user: 'ada',
        input: [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'Hi!' },
          { role: 'developer', content: 'Use metric units.' },
          { type: 'function_call', call_id: 'c1', name: 'find', arguments: '{"q":1}' },
          { type: 'function_call_output', call_id: 'c1', output: 'found' },
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'See these' },
              { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'auto' },
              { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
            ],
          },
        ],
      });
      expect(JSON.parse(text)).toEqual({
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'system', content: 'Use metric units.' },
          { role: 'user', content: 'Hello' },
          {
            role: 'assistant',
            content: [
              { type: 'text', text: 'Hi!' },
              { type: 'tool-call', toolCallId: 'c1', toolName: 'find', input: { q: 1 } },
            ],
          },
          {
            role: 'tool',
            content: [
              {
                type: 'tool-result',
                toolCallId: 'c1',
                toolName: 'find',
                output: { type: 'text', value: 'found' },
              },
            ],
          },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'See these' },
              { type: 'image', image: 'https://example.com/a.png' },
              {
                type: 'file',
                data: 'data:application/pdf;base64,JVBERi0=',
                mediaType: 'application/pdf',
                filename: 'a.pdf',
              },
            ],
          },
        ],
        text: 'See these',
        data: { instructions: 'Be kind.', user: 'ada' },
      });
    });

    it('continues a conversation with previous_response_id, also for a workflow that takes only text', async () => {
      const first = await client.responses.create({
        model: 'text',
        input: 'My name is Ada.',
        instructions: 'Only for this answer.',
      });
      expect(first.output_text).toBe('You said: My name is Ada.');
      const second = await client.responses.create({
        model: 'echo',
        input: 'Who am I?',
        previous_response_id: first.id,
      });
      const third = await client.responses.create({
        model: 'echo',
        input: 'And now?',
        previous_response_id: second.id,
      });
      expect(third.previous_response_id).toBe(second.id);
      expect((JSON.parse(third.output_text) as { messages: unknown }).messages).toEqual([
        { role: 'user', content: 'My name is Ada.' },
        { role: 'assistant', content: 'You said: My name is Ada.' },
        { role: 'user', content: 'Who am I?' },
        { role: 'assistant', content: second.output_text },
        { role: 'user', content: 'And now?' },
      ]);
      const items = await collect(await client.responses.inputItems.list(third.id, { order: 'asc' }));
      expect(items).toMatchObject([
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And now?' }] },
      ]);
    });

    it('streams events that the helper of the SDK accepts, with the same final response', async () => {
      for (const model of ['chat', 'two', 'flaky', 'echo', 'cut']) {
        const stream = client.responses.stream({ model, input: 'Hello' });
        const texts: string[] = [];
        stream.on('response.output_text.delta', ({ delta }) => texts.push(delta));
        const final = await stream.finalResponse();
        const { output_parsed: _parsed, ...response } = final as typeof final & { output_parsed?: unknown };
        expect(JSON.parse(JSON.stringify(response.output))).toMatchObject(
          (await client.responses.retrieve(final.id)).output,
        );
        // A repeated attempt is no part of the answer, although the client has received it.
        if (model === 'flaky') expect(final.output_text).toBe('A whole answer.');
        else expect(final.output_text).toHaveLength(texts.join('').length);
        expect(final.status).toBe(model === 'cut' ? 'incomplete' : 'completed');
      }
    });

    it('says why an answer was cut off, and why an execution has failed', async () => {
      const cut = await client.responses.create({ model: 'cut', input: 'x' });
      expect(cut).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        output_text: 'Once upon a',
      });
      const failed = await client.responses.create({ model: 'broken', input: 'x' });
      expect(failed).toMatchObject({
        status: 'failed',
        error: { code: expect.stringMatching(/^\w+$/), message: expect.stringContaining('boom') },
      });
      const events = await collect(
        await client.responses.create({ model: 'broken', input: 'x', stream: true }),
      );
      expect(events.at(-1)!.type).toBe('response.failed');
      expect(finalOf(events).error).toEqual(failed.error);
    });

    it('starts one execution for one Idempotency-Key', async () => {
      const before = await executions();
      const headers = { 'Idempotency-Key': 'once' };
      const body = { model: 'chat', input: 'Hello' } as const;
      const [first, second] = await Promise.all([
        client.responses.create(body, { headers }),
        client.responses.create(body, { headers }),
      ]);
      expect(second).toEqual(first);
      const events = await collect(await client.responses.create({ ...body, stream: true }, { headers }));
      expect(finalOf(events).id).toBe(first.id);
      expect(await executions()).toBe(before + 1);
    });
  });

  describe('a response in the background', () => {
    const startSlow = () => client.responses.create({ model: 'slow', input: 'x', background: true });

    it('is cancelled', async () => {
      const started = await startSlow();
      expect(['queued', 'in_progress']).toContain(started.status);
      const stream = await client.responses.retrieve(started.id, { stream: true });
      const types: string[] = [];
      let cancelled: OpenAiResponse | undefined;
      for await (const event of stream) {
        types.push(event.type);
        if (event.type === 'response.output_text.delta' && !cancelled)
          cancelled = await client.responses.cancel(started.id);
      }
      expect(cancelled).toMatchObject({ id: started.id, status: 'cancelled' });
      expect(types.at(-1)).toBe('response.incomplete');
      expect(await client.responses.cancel(started.id)).toMatchObject({ status: 'cancelled' });
    });

    it('continues after any event with starting_after', async () => {
      const started = await client.responses.create({
        model: 'two',
        input: 'x',
        background: true,
        stream: true,
      });
      const all = await collect(started);
      const { id } = finalOf(all);
      for (const [index, { sequence_number: after }] of all.entries()) {
        const rest = await collect(
          await client.responses.retrieve(id, { stream: true, starting_after: after }),
        );
        expect(rest).toEqual(all.slice(index + 1));
      }
      expect(await collect(await client.responses.retrieve(id, { stream: true }))).toEqual(all);
      const late = await errorOf(
        client.responses.retrieve(id, { stream: true, starting_after: 2 ** 40 }).then(collect),
      );
      expect(late).toBeInstanceOf(BadRequestError);
    });

    it('stays in progress while it waits for a person', async () => {
      const stream = await client.responses.create({ model: 'ask', input: 'x', stream: true });
      let id = '';
      let last: ResponseStreamEvent | undefined;
      for await (const event of stream) {
        last = event;
        if (event.type !== 'response.created') continue;
        ({ id } = event.response);
        await until('it waits', async () => {
          const { body } = await server.call('GET', `/api/executions/${id.slice('resp_'.length)}`);
          return body.status === 'waiting';
        });
        expect(await client.responses.retrieve(id)).toMatchObject({ status: 'in_progress', output: [] });
        await server.call('POST', `/api/executions/${id.slice('resp_'.length)}/approve`, {
          approved: true,
        });
      }
      expect(last!.type).toBe('response.completed');
      expect((await client.responses.retrieve(id)).output_text).toBe('Thank you.');
    });

    it('has data before every blank line, because the Python client reads an event there', async () => {
      const response = await fetch(`${server.url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'ask', input: 'x', stream: true }),
      });
      let text = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const id = /"id":"resp_([^"]+)"/.exec(text)?.[1];
        // Two heartbeats have come while nothing happened.
        if (id !== undefined && /\n\n(: ping\n){2,}$/.test(text))
          await server.call('POST', `/api/executions/${id}/approve`, { approved: true });
      }
      const blocks = text.split('\n\n').slice(0, -1);
      expect(blocks.at(-1)).toContain('event: response.completed\n');
      expect(blocks.filter((block) => !/^data: \{/m.test(block))).toEqual([]);
      expect(text).not.toContain('retry:');
    });

    it('is deleted once it has ended', async () => {
      const { id } = await startSlow();
      expect(await errorOf(client.responses.delete(id))).toBeInstanceOf(ConflictError);
      await client.responses.cancel(id);
      await client.responses.delete(id);
      expect(await errorOf(client.responses.retrieve(id))).toBeInstanceOf(NotFoundError);
    });

    it('continues when the client leaves', async () => {
      const stream = await client.responses.create({ model: 'slow', input: 'x', stream: true });
      let id = '';
      for await (const event of stream) {
        if (event.type === 'response.created') ({ id } = event.response);
        if (event.type === 'response.output_text.delta') break;
      }
      expect(await client.responses.retrieve(id)).toMatchObject({ status: 'in_progress' });
      await client.responses.cancel(id);
    });
  });

  describe('chat completions', () => {
    const messages = [
      { role: 'system' as const, content: 'Be kind.' },
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: 'What is this?' },
          { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
        ],
      },
    ];

    it('answers at once, and as chunks that the helper of the SDK accepts', async () => {
      const completion = await client.chat.completions.create({ model: 'chat', messages });
      expect(completion).toMatchObject({
        object: 'chat.completion',
        model: 'chat@1',
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant' } }],
      });
      const { content } = completion.choices[0]!.message;
      const stream = client.chat.completions.stream({
        model: 'chat',
        messages,
        stream_options: { include_usage: true },
      });
      expect(await stream.finalContent()).toBe(content);
      expect(await stream.totalUsage()).toEqual(completion.usage);
    });

    it('gives the workflow the same conversation as the Responses API', async () => {
      const { choices } = await client.chat.completions.create({ model: 'echo', messages });
      expect(JSON.parse(choices[0]!.message.content!)).toEqual({
        messages: [
          { role: 'system', content: 'Be kind.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image', image: 'data:image/png;base64,iVBORw0KGgo=' },
            ],
          },
        ],
        text: 'What is this?',
      });
    });

    it('sends the texts of several answering nodes one after the other', async () => {
      const { choices } = await client.chat.completions.create({ model: 'two', messages });
      const chunks = await collect(
        await client.chat.completions.create({ model: 'two', messages, stream: true }),
      );
      const text = chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join('');
      const answers = ['First answer.', 'Second answer.'];
      for (const each of [text, choices[0]!.message.content!])
        expect(each.split('\n\n').toSorted()).toEqual(answers);
      expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' });
      expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop');
    });

    it('ends with an error if the answer is not whole', async () => {
      const read = async (model: string) =>
        collect(await client.chat.completions.create({ model, messages, stream: true }));
      expect(await errorOf(read('broken'))).toMatchObject({
        message: expect.stringContaining('boom'),
        code: expect.stringMatching(/^\w+$/),
      });
      expect(await errorOf(read('flaky'))).toMatchObject({ code: 'answer_repeated' });
      expect((await read('cut')).at(-1)!.choices[0]!.finish_reason).toBe('length');
      const failed = await errorOf(client.chat.completions.create({ model: 'broken', messages }));
      expect(failed).toBeInstanceOf(UnprocessableEntityError);
      expect(failed).toMatchObject({ code: 'execution_not_completed' });
      const repeated = await client.chat.completions.create({ model: 'flaky', messages });
      expect(repeated.choices[0]!.message.content).toBe('A whole answer.');
    });
  });

  describe('models', () => {
    it('are the saved workflows, with the project if there are several', async () => {
      const own = await collect(await client.models.list());
      expect(own).toContainEqual({
        id: 'chat',
        object: 'model',
        created: expect.any(Number),
        owned_by: 'demo',
      });
      expect(await client.models.retrieve('echo@production')).toMatchObject({ id: 'echo@production' });
      const several = clientOf({ apiKey: await keyFor(server, { projects: ['demo', 'other'] }) });
      const ids = (await collect(await several.models.list())).map(({ id }) => id);
      expect(ids).toEqual(expect.arrayContaining(['demo/echo', 'other/echo']));
      expect(await several.models.retrieve('other/echo')).toMatchObject({ owned_by: 'other' });
      const { model } = await several.responses.create({ model: 'other/echo@1', input: 'x' });
      expect(model).toBe('other/echo@1');
      const unclear = await errorOf(several.responses.create({ model: 'echo', input: 'x' }));
      expect(unclear).toBeInstanceOf(BadRequestError);
      expect(unclear).toMatchObject({ param: 'model', message: expect.stringContaining('project/echo') });
      const limited = clientOf({ apiKey: await keyFor(server, { workflows: ['echo@production'] }) });
      expect((await collect(await limited.models.list())).map(({ id }) => id)).toEqual(['echo@production']);
      expect(await limited.models.retrieve('echo@production')).toMatchObject({ owned_by: 'demo' });
      expect(await errorOf(limited.models.retrieve('chat'))).toBeInstanceOf(NotFoundError);
    });
  });

  describe('errors', () => {
    it('have the classes of the SDK, with our codes', async () => {
      const create = (using: OpenAI, body: object = {}) =>
        errorOf(using.responses.create({ model: 'chat', input: 'x', ...body }));
      const cases: [error: unknown, type: new (...args: never[]) => Error, members: object][] = [
        [await create(clientOf({ apiKey: 'wrong' })), AuthenticationError, { code: 'invalid_credentials' }],
        [
          await create(clientOf({ apiKey: await keyFor(server, { scopes: ['executions:write'] }) })),
          PermissionDeniedError,
          { code: 'insufficient_scope', type: 'permission_error' },
        ],
        [await create(client, { model: 'nothing' }), NotFoundError, { code: 'not_found', param: 'model' }],
        [
          await create(clientOf({ apiKey: await keyFor(server) }), { model: 'other/echo' }),
          NotFoundError,
          { param: 'model' },
        ],
        [
          await create(client, { input: [] }),
          BadRequestError,
          { code: 'validation_failed', param: 'input', type: 'invalid_request_error' },
        ],
        [
          await create(client, {
            input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file_1' }] }],
          }),
          BadRequestError,
          { param: 'input[0].content[0].file_id' },
        ],
        [
          await create(client, {
            input: [{ type: 'function_call_output', call_id: 'none', output: 'x' }],
          }),
          BadRequestError,
          { param: 'input[0].call_id' },
        ],
        [await create(client, { conversation: 'conv_1' }), BadRequestError, { param: 'conversation' }],
        [
          await create(client, { previous_response_id: 'resp_x' }),
          NotFoundError,
          { param: 'previous_response_id' },
        ],
        [
          await errorOf(client.responses.retrieve('resp_0199c0de-0000-7000-8000-000000000001')),
          NotFoundError,
          { code: 'not_found' },
        ],
        [
          await errorOf(client.chat.completions.create({ model: 'chat', messages: [], n: 2 } as never)),
          BadRequestError,
          {
            code: 'validation_failed',
            message: expect.stringContaining('messages: must have at least one item'),
          },
        ],
        [
          await errorOf(client.embeddings.create({ model: 'x', input: 'x' })),
          NotFoundError,
          { code: 'route_not_found' },
        ],
      ];
      for (const [error, type, members] of cases) {
        expect(error).toBeInstanceOf(type);
        expect(error).toMatchObject(members);
      }
      const { id } = await client.responses.create({ model: 'slow', input: 'x', background: true });
      const early = await create(client, { previous_response_id: id });
      expect(early).toBeInstanceOf(ConflictError);
      expect(early).toMatchObject({ code: 'execution_not_ended', param: 'previous_response_id' });
      await client.responses.cancel(id);
      const { body: refused } = await server.call('PUT', '/v1/models');
      expect(refused).toMatchObject({ error: { code: 'method_not_allowed' } });
      const deep = await server.call('POST', '/v1/responses', `${'['.repeat(1_000)}${']'.repeat(1_000)}`);
      expect(deep.body.error.message).toMatch(/^JSON must not/);
      const malformed = await server.call('POST', '/v1/responses', '{');
      expect(malformed.body).toEqual({
        error: {
          message: expect.any(String),
          type: 'invalid_request_error',
          param: null,
          code: 'malformed_json',
        },
      });
    });
  });

  describe('a server that stops', () => {
    it('ends streams with an error that one can act on, and they continue at another process', async () => {
      const { id } = await client.responses.create({ model: 'slow', input: 'x', background: true });
      let last = 0;
      let text = '';
      const read = async (from: number, onFirst?: () => void): Promise<unknown> => {
        try {
          const stream = await client.responses.retrieve(id, { stream: true, starting_after: from });
          for await (const event of stream) {
            last = event.sequence_number;
            if (event.type !== 'response.output_text.delta') continue;
            text += event.delta;
            onFirst?.();
          }
          return undefined;
        } catch (error) {
          return error;
        }
      };
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const begun = Promise.withResolvers<void>();
        const messages = [{ role: 'user' as const, content: 'x' }];
        const chunks = await client.chat.completions.create({ model: 'slow', messages, stream: true });
        const chat = errorOf(collect(chunks));
        const cut = read(last, begun.resolve);
        await begun.promise;
        await server.kill(signal);
        // A connection that breaks is an error of fetch.
        const expected = signal === 'SIGTERM' ? { code: 'stream_closed' } : { message: 'terminated' };
        expect(await cut).toMatchObject(expected);
        expect(await chat).toMatchObject(expected);
        server = await Server.start(settings);
        client = clientOf({ apiKey });
      }
      expect(await read(last)).toBeUndefined();
      const final = await client.responses.retrieve(id);
      expect(final.status).toBe('completed');
      // The text of each attempt that a stop has cut off was received too.
      expect(text.endsWith(final.output_text)).toBe(true);
    });

    it('answers requests that wait too long with the id of the response', async () => {
      const impatient = await Server.start({
        ...settings,
        OPENAI_WAIT_TIMEOUT_MS: '50',
        RATE_LIMIT_REQUESTS: '3',
      });
      try {
        const limited = new OpenAI({ baseURL: `${impatient.url}/v1`, apiKey });
        const error = await errorOf(limited.responses.create({ model: 'slow', input: 'x' }));
        expect(error).toBeInstanceOf(UnprocessableEntityError);
        expect(error).toMatchObject({ code: 'response_not_ended' });
        // Its duration says nothing about the server.
        const metrics = await impatient.call('GET', '/metrics');
        expect(metrics.text).toMatch(/cloutagent_http_requests_total\{[^}]*route="\/v1\/responses"/);
        expect(metrics.text).not.toMatch(
          /cloutagent_http_request_seconds_count\{[^}]*route="\/v1\/responses"/,
        );
        const [id] = /resp_[0-9a-f-]+/.exec((error as Error).message)!;
        expect(await client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' });
        const refused = () =>
          errorOf(
            new OpenAI({ baseURL: `${impatient.url}/v1`, apiKey, maxRetries: 0 }).responses.retrieve(id),
          );
        const errors = [await refused(), await refused(), await refused()];
        expect(errors.at(-1)).toBeInstanceOf(RateLimitError);
        expect((errors.at(-1) as RateLimitError).headers.get('retry-after')).toMatch(/^\d+$/);
        expect(errors.at(-1)).toMatchObject({ code: 'rate_limited', type: 'rate_limit_error' });
      } finally {
        await impatient.kill('SIGTERM');
      }
    });
  });
});
