import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { isUuid } from '../../common/uuid.js';
import { parseAnswer } from '../../engine/waits/answer-shape.js';
import { type AnswerableWait, WaitAnswers } from '../../engine/waits/wait-answers.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import type { FramePlace } from '../../executions/streams/frame-place.js';
import { ProblemError } from '../../problems/problem.error.js';
import { AnswerRecorder, type CheckedAnswer } from '../../waits/commands/answer-recorder.js';
import { AG_UI } from './ag-ui-format.js';
import type { AgUiState, InterruptPoint } from './ag-ui-state.js';
import { waitOfInterrupt } from './interrupts.js';
import { answerOf } from './resume-answer.js';
import type { ResumeEntry } from './run-agent-input.js';
import { RunRefusedError } from './run-error.js';

/** How long a run with `resume` waits for its answers to be recorded, in ms. */
const RECORD_TIMEOUT_MS = 3_000;

/** Where a stream continues after an interrupt. */
export interface Continuation {
  readonly place: FramePlace;
  /** The stream does not end at an interrupt up to this sequence: the client has answered it. */
  readonly idleAfter: number;
}

/** Answers the waits of an execution by which it has interrupted its run. */
@Injectable()
export class RunResumer {
  constructor(
    private readonly formats: FormatReader,
    private readonly waits: WaitAnswers,
    private readonly answers: AnswerRecorder,
  ) {}

  /**
   * Answers the interrupts of a run. The same entries again change nothing.
   * @returns where the next run begins
   * @throws RunRefusedError if an entry does not fit, or if one is missing
   * @throws NotFoundError if the execution was deleted
   */
  async resume(
    executionId: string,
    entries: readonly ResumeEntry[],
    principal: Principal,
  ): Promise<Continuation> {
    const { state } = await this.formats.read<AgUiState>(executionId, AG_UI, principal);
    const { sequence } = pointOf(state.points, entries);
    await this.answer(entries, principal);
    const idleAfter = await this.recorded(executionId, entries, principal, sequence);
    return { place: { sequence: sequence + 1, part: 0 }, idleAfter };
  }

  /**
   * Waits until the journal has the ends of all answered waits, but no longer than `RECORD_TIMEOUT_MS`: a paused execution
   * records them when it is resumed.
   * @returns the sequence of the last one, or the newest one there is
   */
  private async recorded(
    executionId: string,
    entries: readonly ResumeEntry[],
    principal: Principal,
    after: number,
  ): Promise<number> {
    const open = new Set(entries.map(({ interruptId }) => waitOfInterrupt(interruptId)));
    const signal = AbortSignal.timeout(RECORD_TIMEOUT_MS);
    let newest = after;
    for await (const { sequence, state } of this.formats.follow<AgUiState>(
      executionId,
      AG_UI,
      principal,
      signal,
      after,
    )) {
      newest = sequence;
      for (const id of open) if (!state.waits.some(({ waitId }) => waitId === id)) open.delete(id);
      // The execution may wait for the client again with this event.
      if (open.size === 0) return sequence - 1;
    }
    return newest;
  }

  /** Records the answers of all entries, or of none if one is wrong. */
  private async answer(entries: readonly ResumeEntry[], principal: Principal): Promise<void> {
    const checked = [];
    for (const entry of entries) {
      const answer = await this.check(entry, principal);
      if (answer) checked.push(answer);
    }
    // Another request may have been faster. If it had the same entries, this one changes nothing.
    for (const id of await this.answers.recordTogether(checked))
      await this.check(
        entries.find(({ interruptId }) => waitOfInterrupt(interruptId) === id)!,
        principal,
      );
  }

  /** @returns undefined if the wait has ended by this entry, or if the client gives it up */
  private async check(entry: ResumeEntry, principal: Principal): Promise<CheckedAnswer | undefined> {
    const { interruptId, status } = entry;
    const waitId = waitOfInterrupt(interruptId);
    const wait = isUuid(waitId) ? await this.waits.find(waitId) : undefined;
    if (!wait) throw unknownInterrupt(interruptId);
    if (status === 'cancelled' && (wait.outcome !== null || wait.isLate)) return undefined;
    const answer = answerOf(wait.kind, entry);
    if (isRepeated(wait, answer)) return undefined;
    try {
      return await this.answers.check(wait.id, answer, principal);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      throw new RunRefusedError(error.code, messageOf(error, interruptId));
    }
  }
}

/** Whether a wait has ended by this answer. */
function isRepeated({ kind, outcome, answer: stored }: AnswerableWait, given: Record<string, Json>): boolean {
  if (outcome !== 'answered' && outcome !== 'signalled') return false;
  const { answer } = parseAnswer(kind, given);
  return answer !== undefined && isDeepStrictEqual(JSON.parse(JSON.stringify(answer)), stored);
}

function messageOf({ code, message, extra: { errors = [] } }: ProblemError, interruptId: string): string {
  const paths = errors.map(({ path, message: problem }) => `${path || 'payload'}: ${problem}`).join('; ');
  const hint =
    code === 'wait_already_answered' || code === 'wait_expired'
      ? ' To continue the thread, send the entry again with the status cancelled.'
      : '';
  return `The interrupt ${interruptId}: ${message}${paths && ` (${paths})`}${hint}`;
}

/** Finds the end of the run that the client continues. */
function pointOf(points: readonly InterruptPoint[], entries: readonly ResumeEntry[]): InterruptPoint {
  const given = new Set(entries.map(({ interruptId }) => interruptId));
  if (given.size < entries.length)
    throw new RunRefusedError(
      'resume_invalid',
      'resume has two entries for one interrupt. Send one for each.',
    );
  // A timer may have continued the execution since, so this is not always the newest one.
  const point = points.findLast(({ ids }) => ids.some((id) => given.has(id)));
  for (const id of given) if (!point?.ids.includes(id)) throw unknownInterrupt(id);
  const missing = point!.ids.filter((id) => !given.has(id));
  if (missing.length === 0) return point!;
  throw new RunRefusedError(
    'resume_invalid',
    `resume must have an entry for every interrupt of the run. Add: ${missing.join(', ')}.`,
  );
}

const unknownInterrupt = (id: string): RunRefusedError =>
  new RunRefusedError(
    'resume_invalid',
    `No run of this thread ended with the interrupt ${id}, or not with the others of resume. Send the ids of one RUN_FINISHED.`,
  );
