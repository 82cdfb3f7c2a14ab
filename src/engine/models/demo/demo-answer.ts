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
const LEAST_WORDS = 80;

/** An answer to `prompt` of at least `least` words, each with the space before it; the same for the same prompt. */
export function answerWords(prompt: string, least: number): string[] {
  const next = numbers(prompt);
  const topic = Array.from(prompt.slice(0, 400).replace(/\s+/g, ' ').trim())
    .slice(0, 80)
    .join('')
    .toWellFormed();
  let sentence = topic ? `You asked: "${topic}".` : 'You asked nothing in particular.';
  const words: string[] = [];
  while (true) {
    for (const word of sentence.split(' ')) words.push(words.length ? ` ${word}` : word);
    if (words.length >= Math.max(least, LEAST_WORDS)) return words;
    sentence = [SUBJECTS, VERBS, OBJECTS, ENDINGS].map((list) => list[next() % list.length]).join(' ');
  }
}

/** Cuts `pieces` into exactly `count` runs of nearly the same length; there must be at least as many. */
export function* inChunks(pieces: readonly string[], count: number): Generator<string> {
  for (let index = 0; index < count; index++) {
    const [from, to] = [index, index + 1].map((edge) => Math.floor((edge * pieces.length) / count));
    yield pieces.slice(from, to).join('');
  }
}

/** Numbers that look random and are the same for the same seed (xorshift32). */
function numbers(seed: string): () => number {
  let state = sha256(seed).readUInt32LE() || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
