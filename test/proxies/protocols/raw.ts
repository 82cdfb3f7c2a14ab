import { bearer, type ProtocolClient, type Site, watch } from './client.ts';

/** The frames of a stream as text, without comments and `retry`. */
interface Frames {
  readonly all: string[];
  /** Whether the connection broke. */
  isBroken: boolean;
}

const WORD = /word\d+\./g;
/** The words of the answer that frames have, each once: formats repeat the text at its end. */
const textOf = (frames: readonly string[]): string =>
  [...new Set(frames.flatMap((frame) => frame.match(WORD) ?? []))].join('');

const idOf = (frame: string): string | undefined => /^id: (.*)$/m.exec(frame)?.[1];
/** Without an error that ends the stream, and what a format repeats at the beginning of each stream. */
const withIds = ({ all }: Frames): string[] => all.filter((frame) => idOf(frame) !== undefined);
const isEnd = (frame: string): boolean => /^event: execution:(completed|failed|cancelled)$/m.test(frame);
/** A heartbeat may be a line of the next frame. */
const withoutComments = (block: string): string => block.replaceAll(/^:.*\n?/gm, '');
const isFrame = (text: string): boolean =>
  text !== '' && !/^retry: \d+$/.test(text) && !text.includes('event: connection:established');

async function read(
  url: string,
  headers: Record<string, string>,
  onText?: (text: string) => void,
): Promise<Frames> {
  const response = await fetch(url, { headers });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  const frames: Frames = { all: [], isBroken: false };
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = blocks.pop()!;
      frames.all.push(...blocks.map(withoutComments).filter(isFrame));
      const text = textOf(blocks);
      if (text !== '') onText?.(text);
    }
  } catch {
    frames.isBroken = true;
  }
  return frames;
}

/** Starts an execution, reads its stream in a format, and continues with Last-Event-ID. */
const raw = (format?: string): ProtocolClient => ({
  name: format === undefined ? 'own format' : `?format=${format}`,
  seesCuts: format === undefined,
  watch: (site) => {
    const headers = bearer(site.key);
    let id = '';
    let url = '';
    let seen: string[] = [];
    return watch(
      async (onText) => {
        id = await start(site);
        url = `${site.origin}/api/executions/${id}/stream${format === undefined ? '' : `?format=${format}`}`;
        const frames = await read(url, headers, onText);
        seen = withIds(frames);
        if (frames.isBroken) throw new Error('the connection broke');
        const last = frames.all.at(-1) ?? '';
        if (idOf(last) === undefined) throw new Error(last.replaceAll('\n', ' '));
        if (format === undefined && !isEnd(last)) throw new Error('the last event is not an end');
        return textOf(seen);
      },
      async () => {
        const place = seen.length > 0 && { 'last-event-id': idOf(seen.at(-1)!)! };
        const more = withIds(await read(url, { ...headers, ...place }));
        const whole = withIds(await read(url, headers));
        const joined = [...seen, ...more];
        if (joined.join() !== whole.join()) throw new Error('the joined streams differ from a whole one');
        return joined.at(-1)?.includes('"answer_repeated"') ? outputOf(site, id) : textOf(joined);
      },
    );
  },
});

async function start({ origin, key, projectId, workflow }: Site): Promise<string> {
  const response = await fetch(`${origin}/api/executions`, {
    method: 'POST',
    headers: { ...bearer(key), 'content-type': 'application/json' },
    body: JSON.stringify({ projectId, workflowRef: workflow, input: { text: 'x' } }),
  });
  const { id } = (await response.json()) as { id: string };
  return id;
}

/** Reads the answer from the execution: the format cannot take back text that was sent before an attempt was repeated. */
async function outputOf({ origin, key }: Site, id: string): Promise<string> {
  const response = await fetch(`${origin}/api/executions/${id}`, { headers: bearer(key) });
  return ((await response.json()) as { output: string }).output;
}

/** Streams that are read without a library. */
export const RAW: readonly ProtocolClient[] = [
  raw(),
  raw('ag-ui'),
  raw('openai-responses'),
  raw('openai-chat'),
  raw('a2a'),
  raw('ai-sdk'),
];
