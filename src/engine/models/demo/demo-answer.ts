import { sha256 } from '../../../common/sha256.js';

const SUBJECTS = [
  'The plan',
  'This idea',
  'A small test',
  'The first step',
  'Each part',
  'The record',
  'A clear limit',
  'The next reader',
];
const VERBS = ['shows', 'keeps', 'needs', 'explains', 'improves', 'carries', 'measures', 'supports'];
const OBJECTS = [
  'a simple order',
  'the whole picture',
  'one honest number',
  'a good reason',
  'less noise',
  'steady progress',
  'a short path',
  'the same result',
];
const ENDINGS = [
  'from the start.',
  'under load.',
  'for everyone.',
  'in practice.',
  'over time.',
  'at every step.',
  'without surprise.',
  'when it counts.',
];
const MIN_WORDS = 80;

/** The words that texts of JSON are made of. */
export const WORDS: readonly string[] = [...VERBS, ...OBJECTS];

/**
 * Makes the words of an answer, each with the space before it. The same prompt always gives the same words.
 * @param question what the first sentence quotes
 * @param files what the second sentence lists
 */
export function answerWords(
  prompt: string,
  minWords: number,
  question = prompt,
  files: readonly string[] = [],
): string[] {
  const next = pseudoRandom(prompt);
  const topic = Array.from(question.slice(0, 400).replace(/\s+/g, ' ').trim())
    .slice(0, 80)
    .join('')
    .toWellFormed();
  let sentence = topic ? `You asked: "${topic}".` : 'You asked nothing in particular.';
  if (files.length > 0) sentence += ` You sent ${files.join(', ')}.`;
  const words: string[] = [];
  while (true) {
    for (const word of sentence.split(' ')) words.push(words.length ? ` ${word}` : word);
    if (words.length >= Math.max(minWords, MIN_WORDS)) return words;
    sentence = [SUBJECTS, VERBS, OBJECTS, ENDINGS].map((list) => list[next() % list.length]).join(' ');
  }
}

/** Joins `pieces` into exactly `count` chunks of nearly equal length. There must be at least `count` pieces. */
export function* inChunks(pieces: readonly string[], count: number): Generator<string> {
  for (let index = 0; index < count; index++) {
    const [from, to] = [index, index + 1].map((edge) => Math.floor((edge * pieces.length) / count));
    yield pieces.slice(from, to).join('');
  }
}

/** Generates pseudo-random numbers; the same seed gives the same sequence (xorshift32). */
export function pseudoRandom(seed: string): () => number {
  let state = sha256(seed).readUInt32LE() || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
