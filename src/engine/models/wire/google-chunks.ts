import type { UsageObserver } from '../usage-observer.js';
import type { ArgumentLimit } from './argument-limit.js';
import { UNNAMED_TOOL } from './chat-tool-calls.js';
import { isObject, type JsonObject, objectOr, withNumbers } from './json-object.js';
import { googleUsage, report } from './reported-usage.js';
import { StreamEndedEarlyError } from './stream-ended-early-error.js';
import {
  type EventSink,
  isGiven,
  type ProviderEvent,
  saysError,
  type StreamNormalizer,
} from './stream-normalizer.js';

const COUNTS = [
  'promptTokenCount',
  'candidatesTokenCount',
  'totalTokenCount',
  'cachedContentTokenCount',
  'thoughtsTokenCount',
  'toolUsePromptTokenCount',
];
const DETAILS = [
  'promptTokensDetails',
  'cacheTokensDetails',
  'candidatesTokensDetails',
  'toolUsePromptTokensDetails',
];
const isMissing = (value: unknown): boolean => value === undefined || value === null;

/** Normalizes the chunks of Gemini's `streamGenerateContent`. */
export class GoogleChunks implements StreamNormalizer {
  /** No event ends this protocol: the last chunk has a `finishReason`, and more chunks with it may follow. */
  readonly isComplete = false;
  private hasFinished = false;

  constructor(
    private readonly observer: UsageObserver | undefined,
    private readonly limit: ArgumentLimit,
  ) {}

  take(value: unknown, event: ProviderEvent, sink: EventSink): void {
    if (!isObject(value)) return;
    const usage = value['usageMetadata'];
    if (isObject(usage)) report(this.observer, googleUsage(usage));
    const isError = isGiven(value['error']);
    const isChunk = isObject(usage) || isGiven(value['candidates']) || isObject(value['promptFeedback']);
    if (isError || (!isChunk && saysError(value, event))) {
      this.hasFinished = true;
      return sink.pass(event, value);
    }
    if (!isChunk) return;
    if (isGiven(objectOr(value['promptFeedback'])['blockReason'])) this.hasFinished = true;
    const isChanged = [event.isRepaired, repairUsage(value), this.repairCandidates(value)].some(Boolean);
    if (event.data.includes('"functionCall"')) this.limit.addItem(event.data);
    if (isChanged) sink.send(value);
    else sink.pass(event, value);
  }

  takeUnreadable(event: ProviderEvent, sink: EventSink): void {
    this.hasFinished = true;
    sink.pass(event, undefined);
  }

  done(): void {
    // Gemini does not send [DONE], but gateways add it.
  }

  /** @throws StreamEndedEarlyError because the AI SDK takes such an answer as complete */
  end(): void {
    if (!this.hasFinished) throw new StreamEndedEarlyError();
  }

  private repairCandidates(value: JsonObject): boolean {
    const { candidates } = value;
    if (isMissing(candidates)) return false;
    const list = (Array.isArray(candidates) ? candidates : [candidates]).filter(isObject);
    let isChanged = !Array.isArray(candidates) || list.length !== candidates.length;
    for (const candidate of list) {
      const { content, finishReason } = candidate;
      if (!isMissing(finishReason) && typeof finishReason !== 'string') {
        delete candidate['finishReason'];
        isChanged = true;
      } else if (isGiven(finishReason)) this.hasFinished = true;
      if (isMissing(content)) continue;
      if (!isObject(content)) {
        delete candidate['content'];
        isChanged = true;
      } else if (repairParts(content)) isChanged = true;
    }
    if (isChanged) value['candidates'] = list;
    return isChanged;
  }
}

function repairUsage(value: JsonObject): boolean {
  const usage = value['usageMetadata'];
  if (isMissing(usage)) return false;
  if (!isObject(usage)) {
    delete value['usageMetadata'];
    return true;
  }
  const hasNumbers = COUNTS.every((name) => isMissing(usage[name]) || typeof usage[name] === 'number');
  const hasDetails = DETAILS.every((name) => isMissing(usage[name]) || areDetails(usage[name]));
  if (hasNumbers && hasDetails) return false;
  const repaired = withNumbers(usage, COUNTS);
  for (const name of DETAILS) if (!areDetails(repaired[name])) delete repaired[name];
  value['usageMetadata'] = repaired;
  return true;
}

const areDetails = (list: unknown): boolean =>
  Array.isArray(list) &&
  list.every(
    (each) =>
      isObject(each) && typeof each['modality'] === 'string' && typeof each['tokenCount'] === 'number',
  );

/** Keeps the parts that the AI SDK knows. */
function repairParts(content: JsonObject): boolean {
  const { parts } = content;
  if (isMissing(parts)) return false;
  const given = Array.isArray(parts) ? parts : [parts];
  let isChanged = given !== parts;
  const kept = given.filter(isObject).filter((part) => {
    if (repairPart(part)) isChanged = true;
    return isKnownPart(part);
  });
  if (!isChanged && kept.length === given.length) return false;
  content['parts'] = kept;
  return true;
}

function repairPart(part: JsonObject): boolean {
  let isChanged = false;
  const { functionCall: call, thoughtSignature, thought, text } = part;
  if (isObject(call)) {
    if (typeof call['name'] !== 'string' || call['name'].trim() === '') {
      // A part of a call that is sent in pieces has no name.
      if (!isGiven(call['partialArgs']) && call['willContinue'] === undefined) {
        call['name'] = UNNAMED_TOOL;
        isChanged = true;
      }
    }
    if (!isMissing(call['id']) && typeof call['id'] !== 'string') {
      call['id'] = JSON.stringify(call['id']);
      isChanged = true;
    }
  }
  if (!isMissing(thoughtSignature) && typeof thoughtSignature !== 'string') {
    delete part['thoughtSignature'];
    isChanged = true;
  }
  if (!isMissing(thought) && typeof thought !== 'boolean') {
    part['thought'] = thought === 'true';
    isChanged = true;
  }
  if (typeof text === 'number') {
    part['text'] = String(text);
    isChanged = true;
  }
  return isChanged;
}

function isKnownPart(part: JsonObject): boolean {
  const { functionCall, inlineData, executableCode, codeExecutionResult, text } = part;
  if (functionCall !== undefined) return isObject(functionCall);
  if (inlineData !== undefined)
    return ['mimeType', 'data'].every((name) => typeof objectOr(inlineData)[name] === 'string');
  if (!isMissing(executableCode))
    return ['language', 'code'].every((name) => typeof objectOr(executableCode)[name] === 'string');
  if (!isMissing(codeExecutionResult)) return typeof objectOr(codeExecutionResult)['outcome'] === 'string';
  if (part['toolCall'] !== undefined || part['toolResponse'] !== undefined) return true;
  return typeof text === 'string' || part['thoughtSignature'] !== undefined;
}
