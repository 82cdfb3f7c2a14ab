import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { anthropicFrames } from '../support/fake-anthropic.ts';
import { openAIFrames } from '../support/fake-openai.ts';
import type { FakeAnswer } from '../support/fake-answer.ts';
import type { Fault, FaultController, Point } from './faults.ts';
import { caseIn, SCRIPT, toolCallId, type ScriptedAnswer, type Wire } from './script.ts';
import { readTranscript, transcriptProblems, type TranscriptItem } from './transcript.ts';

/** One request for a model, as the provider saw it. */
export interface ModelCallRecord {
  caseId: string;
  wire: Wire;
  /** Counted from 1: one more than the answers in the transcript. */
  round: number;
  transcript: TranscriptItem[];
  /** What differs from the rules of the provider's API, one sentence each. */
  problems: string[];
  /** The tokens that the provider has sent to the client; undefined: none. */
  reported: { input: number; output: number } | undefined;
  /** Whether the whole answer was sent. */
  complete: boolean;
}

/** Retry-After of the 503, in seconds. */
const RETRY_AFTER_S = 1;
/** The bytes in the kernel's buffers of the client stay readable after a reset. This gives them the time to arrive. */
const BEFORE_RESET_MS = 20;

/**
 * A provider whose model is an agent of five rounds. It speaks Anthropic's Messages API (`POST …/messages`) and OpenAI's chat
 * completions (`POST …/chat/completions`). The transcript decides which answer follows, so a request that is repeated gets
 * the same answer. Like the real ones, it refuses a transcript that has a call without a result, or changed thinking.
 */
export class AgentProvider {
  readonly records: ModelCallRecord[] = [];
  private readonly server: Server;

  constructor(private readonly faults: FaultController) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  of(caseId: string): ModelCallRecord[] {
    return this.records.filter((record) => record.caseId === caseId);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as Record<string, unknown>;
    const wire: Wire = request.url!.endsWith('/messages') ? 'anthropic' : 'openai';
    const caseId = caseIn(JSON.stringify(body)) ?? 'none';
    const transcript = readTranscript(wire, body, caseId);
    const round = transcript.filter(({ role }) => role === 'assistant').length + 1;
    const problems = transcriptProblems(wire, transcript);
    const record: ModelCallRecord = {
      caseId,
      wire,
      round,
      transcript,
      problems,
      reported: undefined,
      complete: false,
    };
    this.records.push(record);
    const answer = SCRIPT[round - 1];
    if (problems.length > 0 || !answer) {
      const message = problems.join(' ') || `There is no answer ${round}.`;
      return refuse(response, wire, 400, 'invalid_request_error', message);
    }
    const first = this.faults.take(caseId, round, 'request');
    if (first && (await this.disturb(first, caseId, record, response))) return;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.flushHeaders();
    for (const step of stepsOf(wire, answer, round, String(body['model']))) {
      if (typeof step === 'string') {
        if (response.destroyed) return;
        await new Promise((resolve) => response.write(step, resolve));
        noteUsage(record, step);
      } else {
        const fault = this.faults.take(caseId, round, step.point);
        if (fault && (await this.disturb(fault, caseId, record, response))) return;
      }
    }
    record.complete = !response.destroyed;
    response.end();
  }

  /** @returns whether the answer is over */
  private async disturb(
    fault: Fault,
    caseId: string,
    { wire }: ModelCallRecord,
    response: ServerResponse,
  ): Promise<boolean> {
    switch (fault.kind) {
      case 'hold':
        await this.faults.hold(caseId);
        return response.destroyed;
      case 'idle':
        return true;
      case 'overloaded':
        refuse(response, wire, 529, 'overloaded_error', 'Overloaded');
        return true;
      case 'unavailable':
        response.setHeader('retry-after', RETRY_AFTER_S);
        refuse(response, wire, 503, 'api_error', 'Try again later');
        return true;
      case 'error': {
        const error = { type: 'overloaded_error', message: 'Overloaded' };
        const frame = wire === 'anthropic' ? { type: 'error', error } : { error };
        response.end(`${wire === 'anthropic' ? 'event: error\n' : ''}data: ${JSON.stringify(frame)}\n\n`);
        return true;
      }
      case 'end':
        response.end();
        return true;
      case 'reset':
        await new Promise((resolve) => setTimeout(resolve, BEFORE_RESET_MS));
        response.socket?.resetAndDestroy();
        return true;
    }
  }
}

function refuse(response: ServerResponse, wire: Wire, status: number, type: string, message: string): void {
  const error = { type, message };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(wire === 'anthropic' ? { type: 'error', error } : { error }));
}

/** Returns the frames of an answer, with the points at which it may be disturbed. */
function* stepsOf(
  wire: Wire,
  answer: ScriptedAnswer,
  round: number,
  model: string,
): Generator<string | { point: Point }> {
  const toolCalls = answer.calls.map(({ name, args }, index) => ({
    id: toolCallId(round, index),
    name,
    args,
  }));
  const fake: FakeAnswer = {
    ...answer,
    ...(toolCalls.length > 0 && { toolCalls }),
  };
  const frames = wire === 'anthropic' ? anthropicFrames(fake, model) : openAIFrames(fake, model);
  const marks: [Point, RegExp][] = [
    ['thinking', /thinking_delta|reasoning_content/],
    ['text', /text_delta|"content":"[^"]/],
    ['arguments', /"partial_json":"[^"]|"arguments":"[^"]/],
  ];
  yield { point: 'headers' };
  // The last byte of the answer has been sent at `last`, and the response has not ended.
  for (const frame of frames) {
    yield frame;
    const mark = marks.findIndex(([, pattern]) => pattern.test(frame));
    if (mark !== -1) yield { point: marks.splice(mark, 1)[0]![0] };
  }
  yield { point: 'last' };
}

/** Notes the tokens that a frame reports. */
function noteUsage(record: ModelCallRecord, frame: string): void {
  const data = /^data: (\{.*)$/m.exec(frame)?.[1];
  if (data === undefined) return;
  const { message, usage } = JSON.parse(data) as {
    message?: { usage?: Record<string, number> };
    usage?: Record<string, number>;
  };
  const found = { ...message?.usage, ...usage };
  const input = found['input_tokens'] ?? found['prompt_tokens'];
  const output = found['output_tokens'] ?? found['completion_tokens'];
  if (input === undefined && output === undefined) return;
  record.reported = {
    input: input ?? record.reported?.input ?? 0,
    output: output ?? record.reported?.output ?? 0,
  };
}
