import { accumulate, type SeenEvent } from './accumulator.ts';
import type { ModelCallRecord } from './agent-provider.ts';
import { type Fault, isOfModel, shown } from './faults.ts';
import {
  FINAL_TEXT,
  ROUNDS,
  SCRIPT,
  type ScriptedCall,
  WHOLE_TEXT,
  WHOLE_THINKING,
  type Wire,
} from './script.ts';
import type { ToolRequest } from './tool-endpoint.ts';
import { canonical, type TranscriptItem } from './transcript.ts';

/** What is known of a case that has ended. */
export interface CaseEvidence {
  wire: Wire;
  /** The faults that have happened. */
  faults: readonly Fault[];
  /** Whether a process died, so that what it had not committed is lost. */
  killed: boolean;
  /** How many more times a process may have ended, at a point that is not known. */
  unknownEnds: number;
  events: readonly SeenEvent[];
  modelCalls: readonly ModelCallRecord[];
  toolRequests: readonly ToolRequest[];
  rounds: readonly { round: number; sequence: number }[];
  toolCalls: readonly StoredToolCall[];
  /** The transcripts of the same agent without a fault, by round. */
  baseline: readonly (readonly TranscriptItem[])[];
}
export interface StoredToolCall {
  round: number;
  index: number;
  toolId: string;
  toolName: string;
  started: boolean;
  hasResult: boolean;
  sequence: number | null;
}

/** The results that say that the effect of a call is not known. */
const UNKNOWN_EFFECT = /not known whether|effect is (?:not known|unknown)/;
const TERMINAL = /^execution:(completed|failed|cancelled)$/;
const tokens = ({ input, output }: { input: number; output: number }) => `${input}+${output}`;

/** Checks everything that must hold for an agent after a fault. @returns violations, one sentence each */
export function checkCase(evidence: CaseEvidence): string[] {
  return [
    ...checkEnd(evidence),
    ...checkEndpoints(evidence),
    ...checkModelCalls(evidence),
    ...checkTranscripts(evidence),
    ...checkPrefixes(evidence),
    ...checkTokens(evidence),
    ...checkShown(evidence),
    ...checkRows(evidence),
  ];
}

function checkEnd({ events }: CaseEvidence): string[] {
  const problems: string[] = [];
  const wrong = events.findIndex(({ sequence }, index) => sequence !== index + 1);
  if (wrong !== -1) problems.push(`The sequence ${events[wrong]!.sequence} follows ${wrong}.`);
  const ends = events.filter(({ type }) => TERMINAL.test(type));
  const last = events.at(-1);
  if (ends.length !== 1 || last !== ends[0])
    problems.push(
      `It has the ends ${ends.map(({ type }) => type).join() || 'none'}; the last event is ${last?.type}.`,
    );
  if (last?.type !== 'execution:completed') problems.push(`It ended as ${JSON.stringify(last)}.`);
  return problems;
}

/** Whether the author has allowed that a call is sent again: GET, or `retryUnsafe`. */
const mayRepeat = (name: string): boolean => name !== 'note';

/** Returns the calls whose effect may be unknown: those that were in progress at a kill or at the time limit. */
const cutOff = (faults: readonly Fault[]): Fault[] =>
  faults.filter(({ point, kind }) => point === 'tool' && kind !== 'reset');

function checkEndpoints({ toolRequests, faults, unknownEnds }: CaseEvidence): string[] {
  const problems: string[] = [];
  const place = ({ args }: ToolRequest) => `${args.round}.${args.index}`;
  for (const request of toolRequests)
    if (request.key === undefined) problems.push(`The call ${place(request)} has no Idempotency-Key.`);
  for (const [key, same] of Map.groupBy(toolRequests, (request) => request.key)) {
    const calls = new Set(same.map(({ tool, args }) => canonical({ tool, args })));
    if (calls.size > 1) problems.push(`The key ${key} has different calls: ${[...calls].join(' and ')}.`);
  }
  const byCall = Map.groupBy(toolRequests, place);
  for (const [index, { calls }] of SCRIPT.entries())
    for (const call of calls)
      problems.push(...checkCall(call, byCall.get(`${index + 1}.${call.args.index}`) ?? []));

  function checkCall({ name, args }: ScriptedCall, same: readonly ToolRequest[]): string[] {
    const found: string[] = [];
    const title = `The call ${args.round}.${args.index} of ${name}`;
    const keys = new Set(same.map(({ key }) => key));
    if (keys.size > 1) found.push(`${title} was sent with the keys ${[...keys].join(' and ')}.`);
    if (same.some((request) => canonical(request.args) !== canonical(args) || request.tool !== name))
      found.push(`${title} was sent as ${canonical(same)}.`);
    // Other calls of the round are in progress at the same time, so a fault in one may cut off all of them.
    const cuts = cutOff(faults).filter(({ round }) => round === args.round).length + unknownEnds;
    const most = mayRepeat(name) ? 1 + cuts : 1;
    // A call may be stored as started without having been sent. Its result then says that its effect is not known.
    const least = !mayRepeat(name) && cuts > 0 ? 0 : 1;
    if (same.length < least || same.length > most) found.push(`${title} was sent ${same.length} times.`);
    return found;
  }
  return problems;
}

/** Checks that no answer that was complete is asked for again. */
function checkModelCalls({ modelCalls, faults, unknownEnds }: CaseEvidence): string[] {
  const problems = modelCalls.flatMap(({ problems: found }) => found);
  for (let round = 1; round <= ROUNDS + 1; round += 1) {
    const calls = modelCalls.filter((call) => call.round === round).length;
    const broken = faults.filter((fault) => fault.round === round && isOfModel(fault)).length + unknownEnds;
    if (calls < 1 || calls > 1 + broken)
      problems.push(`The answer ${round} was asked for ${calls} times, and ${broken} calls were broken.`);
  }
  return problems;
}

function checkTranscripts({ modelCalls, baseline, faults, unknownEnds }: CaseEvidence): string[] {
  const unknown = new Set(cutOff(faults).map(({ round }) => round));
  const failed = new Set(
    faults
      .filter(({ point, kind }) => point === 'tool' && kind === 'reset')
      .map(({ round, index }) => `${round}.${index}`),
  );
  return modelCalls.flatMap(({ round, transcript }) => {
    const expected = baseline[round - 1] ?? [];
    const differing = transcript.findIndex((item, index) => !isSame(item, expected[index]));
    if (differing === -1 && transcript.length === expected.length) return [];
    return [
      `The transcript of the answer ${round} has ${canonical(transcript[differing] ?? transcript.length)} instead of ${canonical(expected[differing] ?? expected.length)}.`,
    ];
  });

  function isSame(item: TranscriptItem, expected: TranscriptItem | undefined): boolean {
    if (!item.results || item.results.length !== expected?.results?.length)
      return canonical(item) === canonical(expected);
    return item.results.every(({ id, text }, at) => {
      const [, round, index] = /^call_(\d+)_(\d+)/.exec(id)!;
      if (id !== expected.results![at]!.id) return false;
      if (text === expected.results![at]!.text) return true;
      const { name } = SCRIPT[Number(round) - 1]!.calls[Number(index)]!;
      if (UNKNOWN_EFFECT.test(text))
        return (unknownEnds > 0 || unknown.has(Number(round))) && !mayRepeat(name);
      return failed.has(`${round}.${index}`);
    });
  }
}

/** Checks that the model never reads the past differently: each transcript continues the one before. */
function checkPrefixes({ modelCalls }: CaseEvidence): string[] {
  return modelCalls.slice(1).flatMap(({ round, transcript }, index) => {
    const before = modelCalls[index]!;
    const isSame = before.transcript.every((item, at) => canonical(item) === canonical(transcript[at]));
    return isSame && round >= before.round
      ? []
      : [`The transcript of the answer ${round} does not continue the one of the answer ${before.round}.`];
  });
}

function checkTokens({ modelCalls, events, killed, unknownEnds }: CaseEvidence): string[] {
  const problems: string[] = [];
  const counted = events.filter(({ type }) => type === 'execution:token-usage');
  const calls = counted.map((event) => event['call'] as { input: number; output: number } | undefined);
  if (calls.includes(undefined)) problems.push('An execution:token-usage has no call.');
  const reported = modelCalls.flatMap((call) => (call.reported ? [call.reported] : []));
  const left = reported.map(tokens);
  for (const [index, call] of added(counted).entries()) {
    const { incomplete } = calls[index] as { incomplete?: boolean };
    const exact = left.indexOf(tokens(call));
    // Of a call that was cut off, the server may have read only the first report, which has the tokens of the prompt.
    const begun = incomplete ? left.findIndex((each) => each.startsWith(`${call.input}+`)) : -1;
    const at = exact === -1 ? begun : exact;
    if (at === -1) problems.push(`The tokens ${tokens(call)} are counted and were not reported.`);
    else left.splice(at, 1);
  }
  const isIncomplete = events.some(
    ({ type, incomplete, status }) =>
      type === 'execution:step' && incomplete === true && status === 'retrying',
  );
  const mayMiss = (killed ? 1 : 0) + unknownEnds;
  if (left.length > mayMiss)
    problems.push(`The tokens ${left.join(', ')} were reported and are not counted.`);
  if (left.length > 0 && !isIncomplete)
    problems.push(`The tokens ${left.join(', ')} are not counted, and no step says incomplete.`);
  const totals = added(counted).map(tokens).join();
  const each = calls.map((call) => (call ? tokens(call) : 'nothing')).join();
  if (totals !== each) problems.push(`The running totals grow by ${totals}; the calls have ${each}.`);
  return problems;
}

/** Returns by how much each event raises the running totals. */
function added(counted: readonly SeenEvent[]): { input: number; output: number }[] {
  let before = { input: 0, output: 0 };
  return counted.map((event) => {
    const usage = event['usage'] as { input: number; output: number };
    const more = { input: usage.input - before.input, output: usage.output - before.output };
    before = usage;
    return more;
  });
}

function checkShown({ events }: CaseEvidence): string[] {
  const { text, thinking, finalText, toolCalls, toolResults, problems } = accumulate(events, 'worker');
  const expected = SCRIPT.flatMap(({ calls }) => calls).length;
  const output = (events.at(-1) as { result?: { output?: unknown } } | undefined)?.result?.output;
  const compare = (what: string, given: unknown, right: unknown) =>
    canonical(given) === canonical(right)
      ? []
      : [`${what} is ${canonical(given)} instead of ${canonical(right)}.`];
  return [
    ...problems,
    ...compare('The text that a watcher shows', text, WHOLE_TEXT),
    ...compare('The thinking that a watcher shows', thinking, WHOLE_THINKING),
    ...compare('The last answer that a watcher shows', finalText, FINAL_TEXT),
    ...compare('The output', output, FINAL_TEXT),
    ...compare('The number of calls', new Set(toolCalls).size, expected),
    ...compare('The list of calls', toolCalls.length, expected),
    ...compare('The results', toolResults.toSorted(), toolCalls.toSorted()),
  ];
}

function checkRows({ rounds, toolCalls, events }: CaseEvidence): string[] {
  const problems: string[] = [];
  const numbers = rounds.map(({ round }) => round).join();
  const expected = Array.from({ length: ROUNDS }, (_unused, index) => index + 1).join();
  if (numbers !== expected) problems.push(`The stored rounds are ${numbers || 'none'}.`);
  const names = toolCalls.map(({ round, index, toolName }) => `${round}.${index} ${toolName}`).join();
  const right = SCRIPT.flatMap(({ calls }) => calls)
    .map(({ name, args: { round, index } }) => `${round}.${index} ${name}`)
    .join();
  if (names !== right) problems.push(`The stored calls are ${names || 'none'}.`);
  for (const { round, index, hasResult, started, sequence, toolId } of toolCalls) {
    const event = events.find((one) => one.sequence === sequence);
    if (!started || !hasResult || event?.type !== 'execution:tool-result' || event['toolId'] !== toolId)
      problems.push(
        `The stored call ${round}.${index} is ${started ? 'started' : 'not started'} and ${hasResult ? 'has' : 'has not'} a result; the event ${sequence} is ${event?.type}.`,
      );
  }
  return problems;
}

/** Returns the journal on one line, for reports. */
export const outline = (faults: readonly Fault[], events: readonly SeenEvent[]): string =>
  `[${faults.map(shown).join(', ')}] ` +
  events
    .map(({ sequence, type, ...event }) =>
      [
        sequence,
        type.replace('execution:', ''),
        ...[
          'status',
          'attempt',
          'continues',
          'keptThrough',
          'incomplete',
          'chunk',
          'toolId',
          'code',
          'error',
          'delayMs',
        ].flatMap((name) => (event[name] === undefined ? [] : [`${name}=${JSON.stringify(event[name])}`])),
        ...(event['call'] ? [`call=${JSON.stringify(event['call'])}`] : []),
      ].join(' '),
    )
    .join(' | ');
