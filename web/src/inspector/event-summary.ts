import type { ExecutionEvent, ExecutionEventOf, OpenWait } from '@cloutagent/client';
import type { Json } from '@cloutagent/contract';
import { separateFiles } from '@cloutagent/contract/files';
import { incompleteText, type NameOf, visibleText, withNames } from '@cloutagent/react';
import { cost, count, counted, dateTime, duration } from '../ui/quantity.js';

/** Maximum number of characters in a summary. */
const MAX_LENGTH = 240;

/** Summarises an event in one line. Line breaks and tabs become visible signs. */
export function summaryOf(event: ExecutionEvent, nameOf: NameOf): string {
  return oneLine(withNames(describe(event), nameOf));
}

const oneLine = (text: string): string =>
  visibleText(
    (text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text)
      .replaceAll('\r', '␍')
      .replaceAll('\n', '↵')
      .replaceAll('\t', '⇥'),
  );

const json = (value: Json): string => {
  const { value: shown } = separateFiles(value);
  return typeof shown === 'string' ? shown : JSON.stringify(shown);
};

function describe(event: ExecutionEvent): string {
  switch (event.type) {
    case 'execution:started':
      return `attempt ${event.attempt}`;
    case 'execution:progress':
      return `${count(event.completedSteps)} of ${counted(event.totalSteps, 'step')}, ${Math.round(event.percent)} %`;
    case 'execution:step':
      return [
        event.step,
        event.status,
        event.keptThrough !== undefined && `keeps its work through ${event.keptThrough}`,
        event.continues !== undefined && 'continues earlier work',
        event.incomplete ? incompleteText(event) : event.finishReason,
        event.error,
      ]
        .filter(Boolean)
        .join(' · ');
    case 'execution:output':
    case 'execution:thinking':
      return event.chunk.slice(0, MAX_LENGTH + 1);
    case 'execution:tool-call':
      return `${event.toolName} ${json(event.toolArgs)}`;
    case 'execution:tool-result':
      return [
        `${event.isError ? 'error ' : ''}${json(event.result)}`,
        event.toolArgs !== undefined && `with changed arguments ${json(event.toolArgs)}`,
      ]
        .filter(Boolean)
        .join(' · ');
    case 'execution:custom':
      return `${event.name} ${json(event.value)}`;
    case 'execution:token-usage':
      return [
        `${count(event.usage.input)} in, ${count(event.usage.output)} out`,
        event.model,
        event.call && describeCall(event.call),
      ]
        .filter(Boolean)
        .join(' · ');
    case 'execution:cost-update':
      return cost(event.totalCostUSD);
    case 'execution:retry':
      return `attempt ${event.attempt} in ${event.delayMs} ms · ${event.error}`;
    case 'execution:failed':
      return `${event.code} · ${event.error}`;
    case 'execution:completed':
      return [
        event.result.duration !== undefined && `in ${duration(event.result.duration)}`,
        counted(event.result.tokenUsage.total, 'token'),
      ]
        .filter(Boolean)
        .join(' · ');
    case 'execution:branch':
      return [
        event.taken.length > 0 ? `takes ${event.taken.join(', ')}` : 'takes no edge',
        event.notTaken.length > 0 && `not ${event.notTaken.join(', ')}`,
      ]
        .filter(Boolean)
        .join(' · ');
    case 'execution:waiting':
      return [event.kind, describeWait(event), event.until && `until ${dateTime(event.until)}`]
        .filter(Boolean)
        .join(' · ');
    case 'execution:wait-ended':
      return [event.kind, event.outcome, event.by && `by ${event.by}`].filter(Boolean).join(' · ');
    default:
      return [event.reason, event.by && `by ${event.by}`].filter(Boolean).join(' · ');
  }
}

function describeCall(call: NonNullable<ExecutionEventOf<'execution:token-usage'>['call']>): string {
  const { input, output, cached, reasoning = 0, finishReason, incomplete } = call;
  const parts = [
    `this call ${count(input)} in, ${count(output)} out`,
    cached && cached.read > 0 && `${count(cached.read)} read from cache`,
    cached && cached.written > 0 && `${count(cached.written)} written to cache`,
    reasoning > 0 && `${count(reasoning)} reasoning`,
    finishReason,
    incomplete && 'not whole',
  ];
  return parts.filter(Boolean).join(', ');
}

const describeWait = ({
  message,
  signal,
  toolName,
  error,
  children,
}: Pick<OpenWait, 'message' | 'signal' | 'toolName' | 'error' | 'children'>): string | undefined =>
  signal ?? toolName ?? error ?? message ?? (children && counted(children.count, 'child execution'));

/** Returns the node of an event; undefined if it does not belong to a node. */
export const nodeOf = (event: ExecutionEvent): string | undefined =>
  'nodeId' in event && typeof event.nodeId === 'string' ? event.nodeId : undefined;
