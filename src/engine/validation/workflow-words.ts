import type { GraphProblem, Workflow } from '@cloutagent/contract';
import { isWithinEdits, normalizeName } from '../../common/spelling.js';
import { shortened } from '../../problems/schema-problems.js';

type Path = GraphProblem['path'];

/** The members of one kind of object in a workflow. */
interface Vocabulary {
  /**
   * The optional words of the language. A wrong spelling of a required word is an error already, because the word itself is
   * then missing.
   */
  readonly words: readonly string[];
  /** What to write instead of names that people use for a word although they are not similar to it. */
  readonly synonyms?: ReadonlyMap<string, string>;
}

/** The words of a node's `data` that change how it runs. */
const OF_NODES = ['timeoutMs', 'maxRetries', 'join', 'retry', 'onExhausted'];

const WORKFLOW: Vocabulary = { words: ['edges'] };
const DATA: Vocabulary = {
  words: ['config', 'label', ...OF_NODES],
  synonyms: new Map([
    ['retries', 'maxRetries'],
    ['maxRetry', 'maxRetries'],
    ['retryPolicy', 'retry'],
    ['retry_policy', 'retry'],
  ]),
};
const NODE: Vocabulary = {
  // Without `position`, which changes nothing that runs: editors have many names for places.
  words: ['data'],
  synonyms: new Map(
    [...OF_NODES.map((word) => [word, word] as const), ...DATA.synonyms!].map(([name, word]) => [
      name,
      `data.${word}`,
    ]),
  ),
};
const EDGE: Vocabulary = { words: ['on', 'when', 'otherwise'] };

/**
 * Members that are no mistake, although they may be similar to a word. All members of React Flow's types are here, so that
 * no word that is added to the language can refuse them (https://reactflow.dev/api-reference/types).
 */
const OF_EDITORS = new Set(
  // Node
  (
    'id type data position positionAbsolute width height initialWidth initialHeight measured selected selectable ' +
    'dragging draggable dragHandle connectable deletable hidden zIndex parentId parentNode extent expandParent ' +
    'sourcePosition targetPosition className style ariaLabel ariaRole domAttributes focusable origin handles ' +
    'handleBounds resizing internals isParent ' +
    // Edge
    'source target sourceHandle targetHandle sourceNode targetNode sourceX sourceY targetX targetY animated label ' +
    'labelStyle labelShowBg labelBgStyle labelBgPadding labelBgBorderRadius marker markerStart markerEnd pathOptions ' +
    'interactionWidth reconnectable updatable ' +
    // The whole flow
    'nodes edges viewport ' +
    // Names that applications give to data of their own
    'date dates labels positions'
  ).split(' '),
);

/**
 * Finds members of nodes, edges and `data` that are probably words of the workflow language with a spelling mistake. Other
 * unknown members are accepted, because graph editors add members of their own.
 */
export function checkWords(workflow: Workflow): GraphProblem[] {
  const problems = checkMembers(workflow, WORKFLOW, []);
  workflow.nodes.forEach((node, index) => {
    problems.push(...checkMembers(node, NODE, ['nodes', index]));
    problems.push(...checkMembers(node.data, DATA, ['nodes', index, 'data']));
  });
  workflow.edges.forEach((edge, index) => {
    problems.push(...checkMembers(edge, EDGE, ['edges', index]));
  });
  return problems;
}

function checkMembers(object: Record<string, unknown>, vocabulary: Vocabulary, path: Path): GraphProblem[] {
  const problems: GraphProblem[] = [];
  for (const name of Object.keys(object)) {
    const message = correction(name, vocabulary);
    if (message !== undefined) problems.push({ path: [...path, shortened(name)], message });
  }
  return problems;
}

function correction(name: string, { words, synonyms }: Vocabulary): string | undefined {
  if (words.includes(name) || OF_EDITORS.has(name)) return undefined;
  const meant = synonyms?.get(name) ?? misspelledWord(name, words);
  return meant === undefined ? undefined : `did you mean ${meant}?`;
}

/** No misspelled word is longer. A body may have a hundred thousand members, and this skips most of them. */
const MAX_LENGTH = 14;

const NORMALIZED = new Map(
  [WORKFLOW, NODE, DATA, EDGE].flatMap(({ words }) => words.map((word) => [word, normalizeName(word)])),
);

function misspelledWord(name: string, words: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  // Applications number members of their own, such as `data2`.
  if (/\d$/.test(name)) return undefined;
  const given = normalizeName(name);
  return words.find((word) => isMisspelling(given, NORMALIZED.get(word)!));
}

/** Words of this length and more may have two mistakes. */
const LONG = 8;
/** Shorter words are too similar to others to tolerate a mistake: `on` is one edit from `in`. */
const SHORT = 4;

/**
 * Whether a name is a word with a spelling mistake: another case, hyphens or underscores, or one or two edits, depending on
 * the length of the word. In a word that is not long, its first letter must be among the first two, because `then` is not
 * `when`. Both names are normalized.
 */
function isMisspelling(name: string, word: string): boolean {
  if (name === word) return true;
  const edits = word.length >= LONG ? 2 : word.length >= SHORT ? 1 : 0;
  if (edits === 0) return false;
  if (word.length < LONG && !name.slice(0, 2).includes(word[0]!)) return false;
  return isWithinEdits(edits, name, word);
}
