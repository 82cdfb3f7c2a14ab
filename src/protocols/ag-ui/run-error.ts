import type { Response } from 'express';

/** Why a run cannot begin. The client gets it as the event RUN_ERROR. */
export class RunRefusedError extends Error {
  override readonly name = 'RunRefusedError';

  /** @param code `interrupts_open`, `resume_invalid`, or the code of a problem */
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Answers with a stream that has only the event RUN_ERROR, as AG-UI wants it for a wrong resume. */
export function sendRunError(response: Response, { code, message }: RunRefusedError): void {
  const event = { type: 'RUN_ERROR', message, code };
  response
    .status(200)
    .set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store' })
    .end(`data: ${JSON.stringify(event)}\n\n`);
}
