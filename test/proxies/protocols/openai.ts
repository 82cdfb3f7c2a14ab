import OpenAI, { APIError } from 'openai';
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { randomUUID } from 'node:crypto';
import { type ProtocolClient, QUESTION, type Site, watch } from './client.ts';

const clientOf = ({ origin, key }: Site): OpenAI => new OpenAI({ baseURL: `${origin}/v1`, apiKey: key });

const textOf = ({ output }: Response): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : ''))
    .join('');

/** A stream of the Responses API, which continues after the last event. */
const responses = (name: string, background: boolean): ProtocolClient => ({
  name,
  watch: (site) => {
    const client = clientOf(site);
    const key = randomUUID();
    let id = '';
    let last = 0;
    let final: Response | undefined;
    const read = async (
      stream: AsyncIterable<ResponseStreamEvent>,
      onText?: (text: string) => void,
    ): Promise<string> => {
      let text = '';
      for await (const event of stream) {
        if (event.type === 'response.created') id = event.response.id;
        last = event.sequence_number;
        if (event.type === 'response.completed') final = event.response;
        if (event.type !== 'response.output_text.delta') continue;
        text += event.delta;
        onText?.(event.delta);
      }
      return text;
    };
    const body = { model: site.workflow, input: QUESTION, stream: true, background } as const;
    const create = () => client.responses.create(body, { headers: { 'Idempotency-Key': key } });
    return watch(
      async (onText) => read(await create(), onText),
      async () => {
        // Without the id, the same request is sent again.
        await read(
          id === ''
            ? await create()
            : await client.responses.retrieve(id, { stream: true, starting_after: last }),
        );
        if (!final) throw new Error('the stream has ended without response.completed');
        return textOf(final);
      },
    );
  },
});

/** A stream of chat completions, whose request is sent again with the same key. */
const chat: ProtocolClient = {
  name: 'OpenAI chat completions',
  watch: (site) => {
    const client = clientOf(site);
    const headers = { 'Idempotency-Key': randomUUID() };
    const { workflow: model } = site;
    const messages = [{ role: 'user' as const, content: QUESTION }];
    const read = async (onText?: (text: string) => void): Promise<string> => {
      let text = '';
      for await (const { choices } of await client.chat.completions.create(
        { model, messages, stream: true },
        { headers },
      )) {
        const delta = choices[0]?.delta.content ?? '';
        text += delta;
        if (delta !== '') onText?.(delta);
      }
      return text;
    };
    return watch(
      (onText) => read(onText),
      () =>
        read().catch(async (error: unknown) => {
          if (!(error instanceof APIError) || error.code !== 'answer_repeated') throw error;
          const { choices } = await client.chat.completions.create({ model, messages }, { headers });
          return choices[0]?.message.content ?? '';
        }),
    );
  },
};

export const OPENAI: readonly ProtocolClient[] = [
  responses('OpenAI responses', false),
  responses('OpenAI responses, background', true),
  chat,
];
