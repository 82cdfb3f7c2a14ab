import type { Json } from '@cloutagent/contract';
import { parseExactly } from '../../common/exact-integers.js';
import { checkShape, type ShapeLimits } from '../extension/output-shape.js';
import { NodeError } from '../extension/node-handler.js';

export type JsonObject = Record<string, Json>;

/**
 * Finds the JSON object of an answer: the whole answer, a block between ``` fences, or an object with text around it. An integer
 * that a number cannot hold exactly becomes a string with its digits.
 * @returns the object, or the problem as a sentence
 */
export function findJsonObject(
  text: string,
  limits: ShapeLimits,
): { object: JsonObject } | { problem: string } {
  if (text.trim() === '') return { problem: 'The answer is empty.' };
  let problem: string | undefined;
  for (const candidate of candidates(text)) {
    const found = parseObject(candidate, limits);
    if (!('syntax' in found)) return found;
    problem ??= found.syntax;
  }
  return { problem: problem ?? 'The answer has no JSON object.' };
}

/** @returns `syntax` if the text is not JSON: the object may be elsewhere in the answer */
function parseObject(
  text: string,
  limits: ShapeLimits,
): { object: JsonObject } | { problem: string } | { syntax: string } {
  try {
    checkShape(Buffer.from(text), limits);
    const value = parseExactly(text) as Json;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { object: value };
    return {
      problem: `The answer is ${Array.isArray(value) ? 'a list' : 'not an object'}, but it must be an object.`,
    };
  } catch (error) {
    if (error instanceof NodeError) return { problem: tooMuch(error, limits) };
    if (error instanceof SyntaxError)
      return { syntax: `The answer is not JSON: ${error.message.slice(0, 200).toWellFormed()}.` };
    throw error;
  }
}

const tooMuch = ({ code }: NodeError, limits: ShapeLimits): string =>
  code === 'output_too_deep'
    ? `The answer is nested more than ${limits.OUTPUT_MAX_DEPTH} levels deep (OUTPUT_MAX_DEPTH).`
    : `The answer has more than ${limits.OUTPUT_MAX_PARTS} lists, objects and members (OUTPUT_MAX_PARTS).`;

function* candidates(text: string): Generator<string> {
  yield text.trim();
  const fenced = text.split('```').filter((_part, index) => index % 2 === 1);
  for (const block of fenced) yield block.replace(/^[^\n{[]*/, '');
  // The part in brackets that is not closed is cut off: an object inside it is not the answer.
  for (let at = nextBracket(text, 0); at >= 0;) {
    const end = endOfBrackets(text, at);
    if (end === undefined) return;
    if (text[at] === '{') yield text.slice(at, end);
    at = nextBracket(text, end);
  }
}

function nextBracket(text: string, from: number): number {
  const pattern = /[{[]/g;
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? -1;
}

/** Finds where the brackets that begin at a position are closed; undefined if they are not. */
function endOfBrackets(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
    } else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}
