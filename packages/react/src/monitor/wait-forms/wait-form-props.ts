import type { AnswerWait, CloutAgentError } from '@cloutagent/client';
import type { OpenWait } from '@cloutagent/contract';

/** What the form of each kind of wait gets. */
export interface WaitFormProps {
  wait: OpenWait;
  /** Why the last answer failed. */
  error: CloutAgentError | undefined;
  /** Whether an answer is under way or was accepted. */
  locked: boolean;
  send: (answer: AnswerWait) => void;
}
