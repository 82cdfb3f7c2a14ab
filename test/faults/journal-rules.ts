import type { Json, Workflow } from '@cloutagent/contract';

/** A row of the journal, as it is stored. */
export interface JournalRow {
  sequence: number;
  type: string;
  data: string;
}

interface JournalEvent {
  sequence: number;
  type: string;
  fields: Record<string, any>;
}

interface OpenStep {
  nodeId: string;
  status: string;
  attempt: number;
  text: string;
}

const TERMINAL = /^execution:(completed|failed|cancelled)$/;
const ENDED = new Set(['completed', 'failed', 'retrying', 'skipped', 'cancelled']);
/** What must not be recorded between `execution:paused` and the next resume, takeover or end. */
const WORK = new Set(['execution:output', 'execution:thinking', 'execution:tool-call', 'execution:progress']);

export const isTerminalType = (type: string): boolean => TERMINAL.test(type);

/**
 * Checks the journal of one execution that has ended against the invariants of ownership.
 * @param workflow what the execution runs
 * @returns violations, a sentence each
 */
export function checkJournal(rows: readonly JournalRow[], workflow: Workflow): string[] {
  const events = rows.map(({ sequence, type, data }): JournalEvent => {
    const fields = JSON.parse(data) as Record<string, any>;
    return { sequence, type, fields };
  });
  return [
    ...checkSequences(events),
    ...checkEnd(events),
    ...checkStarts(events),
    ...checkPauses(events),
    ...checkSteps(events, workflow),
  ];
}

function checkSequences(events: readonly JournalEvent[]): string[] {
  const wrong = events.findIndex(({ sequence }, index) => sequence !== index + 1);
  if (wrong === -1) return [];
  return [`The journal has sequence ${events[wrong]!.sequence} where ${wrong + 1} is expected.`];
}

function checkEnd(events: readonly JournalEvent[]): string[] {
  const ends = events.filter(({ type }) => TERMINAL.test(type));
  const places = ends.map(({ sequence, type }) => `${type} at ${sequence}`).join(', ');
  if (ends.length === 0) return ['The journal has no terminal event.'];
  if (ends.length > 1) return [`The journal has ${ends.length} terminal events: ${places}.`];
  const last = events.at(-1)!;
  if (last !== ends[0]) return [`The journal has ${last.type} at ${last.sequence} after ${places}.`];
  const { result } = last.fields as { result?: { lastSequence?: number; status?: string } };
  if (last.type === 'execution:completed' && result?.lastSequence !== last.sequence)
    return [`The result names ${result?.lastSequence} as the last sequence; the event has ${last.sequence}.`];
  return [];
}

function checkStarts(events: readonly JournalEvent[]): string[] {
  const problems: string[] = [];
  let attempt = 0;
  for (const { type, sequence, fields } of events) {
    if (type !== 'execution:started') continue;
    if (fields['attempt'] <= attempt)
      problems.push(`Attempt ${fields['attempt']} is started at ${sequence} after attempt ${attempt}.`);
    attempt = fields['attempt'] as number;
  }
  const first = events[0]?.type;
  if (attempt > 0 && first !== 'execution:started')
    problems.push(`The journal begins with ${first} and not with execution:started.`);
  return problems;
}

function checkPauses(events: readonly JournalEvent[]): string[] {
  let pausedAt: number | undefined;
  for (const { type, sequence, fields } of events) {
    if (type === 'execution:paused') pausedAt = sequence;
    else if (type === 'execution:resumed' || type === 'execution:started') pausedAt = undefined;
    const begins = type === 'execution:step' && ['running', 'completed'].includes(fields['status'] as string);
    if (pausedAt !== undefined && (begins || WORK.has(type)))
      return [`${type} at ${sequence} comes during the pause that began at ${pausedAt}.`];
  }
  return [];
}

/** Each attempt at a node begins and ends once, in the order of the graph, and none follows the completed one. */
function checkSteps(events: readonly JournalEvent[], workflow: Workflow): string[] {
  const problems: string[] = [];
  const steps = new Map<string, OpenStep>();
  /** The sequence at which each node was completed. */
  const completed = new Map<string, number>();
  for (const { type, sequence, fields } of events) {
    const { nodeId, stepId, status, attempt } = fields;
    const done = completed.get(nodeId as string);
    if (nodeId !== undefined && done !== undefined)
      problems.push(`Node ${nodeId} has ${type} at ${sequence}, but it was completed at ${done}.`);
    if (stepId === undefined) continue;
    const step = steps.get(stepId as string);
    if (type !== 'execution:step') {
      if (step?.status !== 'running')
        problems.push(`${type} at ${sequence} belongs to a step that is ${step?.status ?? 'not known'}.`);
      else if (type === 'execution:output') step.text += fields['chunk'];
      continue;
    }
    if (status === 'running') {
      if (step) problems.push(`Step ${stepId} of node ${nodeId} begins again at ${sequence}.`);
      problems.push(...checkBegin(nodeId as string, attempt as number, sequence, [...steps.values()]));
      for (const { source, target } of workflow.edges)
        if (target === nodeId && !completed.has(source))
          problems.push(`Node ${nodeId} begins at ${sequence}, before node ${source} is completed.`);
      steps.set(stepId as string, { nodeId, status, attempt, text: '' });
      continue;
    }
    if (!ENDED.has(status as string)) problems.push(`Step ${stepId} has status ${status} at ${sequence}.`);
    if (step?.status !== 'running')
      problems.push(
        `Step ${stepId} of node ${nodeId} ends as ${status} at ${sequence}, but it is ${step?.status ?? 'not known'}.`,
      );
    if (step) step.status = status as string;
    if (status !== 'completed') continue;
    completed.set(nodeId as string, sequence);
    if (step) problems.push(...checkText(step, fields['output'] as Json, workflow));
  }
  for (const [stepId, { nodeId, status }] of steps)
    if (status === 'running') problems.push(`Step ${stepId} of node ${nodeId} began and never ended.`);
  if (events.at(-1)?.type === 'execution:completed')
    for (const { id } of workflow.nodes)
      if (!completed.has(id)) problems.push(`The execution is completed, but its node ${id} is not.`);
  return problems;
}

function checkBegin(nodeId: string, attempt: number, sequence: number, steps: readonly OpenStep[]): string[] {
  const own = steps.filter((step) => step.nodeId === nodeId);
  const problems: string[] = [];
  if (own.some((step) => step.status === 'running'))
    problems.push(`Node ${nodeId} begins at ${sequence} while another step of it runs.`);
  const last = Math.max(0, ...own.map((step) => step.attempt));
  if (attempt <= last)
    problems.push(`Node ${nodeId} begins attempt ${attempt} at ${sequence} after attempt ${last}.`);
  return problems;
}

/** The output of an agent is its text: a chunk that is lost or doubled shows here. */
function checkText(step: OpenStep, output: Json, workflow: Workflow): string[] {
  const node = workflow.nodes.find(({ id }) => id === step.nodeId);
  if (node?.type !== 'agent' || output === step.text) return [];
  return [
    `Node ${step.nodeId} has an output of ${JSON.stringify(output).length} bytes of JSON, its chunks have ${JSON.stringify(step.text).length}.`,
  ];
}

/** What a journal holds, on one line: for a person who reads a report. */
export function outline(rows: readonly JournalRow[]): string {
  const parts: { text: string; from: number; to: number }[] = [];
  for (const { sequence, type, data } of rows) {
    const { nodeId, status, attempt, code, by } = JSON.parse(data) as Record<string, any>;
    const details = [nodeId, status, attempt === undefined ? undefined : `#${attempt}`, code, by];
    const text = [type.replace('execution:', ''), ...details.filter((detail) => detail !== undefined)].join(
      ' ',
    );
    const last = parts.at(-1);
    if (last?.text === text && last.to === sequence - 1) last.to = sequence;
    else parts.push({ text, from: sequence, to: sequence });
  }
  return parts.map(({ text, from, to }) => `${from === to ? from : `${from}-${to}`} ${text}`).join(' | ');
}
