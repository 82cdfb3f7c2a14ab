import type { EventFormat } from '../src/streaming/formats/event-format.js';
import { checkA2a } from './support/a2a-journal.js';
import { checkAgUi } from './support/ag-ui-journal.js';
import { checkAiSdk } from './support/ai-sdk-property.js';
import { checkPure } from './support/format-journal.js';
import { checkMcp } from './support/mcp-journal.js';
import { checkChat, checkResponses } from './support/openai-properties.js';
import { randomJournals, type EndedJournal } from './support/random-journals.js';

/** Sends one frame for each node of an event, with the number of events so far. */
const counting: EventFormat<{ seen: number; nodes: Record<string, number> }> = {
  begin: () => ({ seen: 0, nodes: {} }),
  encode: (event, state) => {
    state.seen += 1;
    if (!('nodeId' in event) || event.nodeId === undefined) return [];
    state.nodes[event.nodeId] = (state.nodes[event.nodeId] ?? 0) + 1;
    return Object.entries(state.nodes).map(([node, count]) => ({ data: { node, count, seen: state.seen } }));
  },
};

/**
 * What each protocol promises for every execution. Each entry checks one journal with the client's own code: the frames are
 * accepted, and cut and continued anywhere in the protocol's way they give the same final state.
 * @throws Error with what is wrong
 */
const PROTOCOLS: Record<string, (journal: EndedJournal) => void | Promise<void>> = {
  'a format that counts': (journal) => checkPure(counting, journal),
  'ai-sdk': checkAiSdk,
  a2a: checkA2a,
  'ag-ui': checkAgUi,
  'openai-responses': checkResponses,
  'openai-chat': checkChat,
  mcp: checkMcp,
};

describe('every execution in the protocols', () => {
  let journals: EndedJournal[];
  beforeAll(async () => {
    journals = await randomJournals({ seed: 20_261_128, graphs: 24, agents: 14 });
  }, 180_000);

  it('ends, of each kind of end', () => {
    const ends = new Set(journals.map(({ events }) => events.at(-1)!.type));
    expect([...ends].toSorted()).toEqual(['execution:cancelled', 'execution:completed', 'execution:failed']);
  });

  it.each(Object.keys(PROTOCOLS))(
    'are valid, and are the same when cut and continued: %s',
    async (protocol) => {
      for (const journal of journals) {
        try {
          await PROTOCOLS[protocol]!(journal);
        } catch (error) {
          throw new Error(`${journal.name}: ${String(error)}`, { cause: error });
        }
      }
    },
  );
});
