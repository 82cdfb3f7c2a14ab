import { ProblemError } from '../problems/problem.error.js';

export class CredentialsMissingError extends ProblemError {
  constructor() {
    super(
      401,
      'credentials_missing',
      'Send an API key or JWT as Authorization: Bearer …, or an API key as X-API-Key.',
    );
  }
}

/** One answer for every reason: which one it was is nobody's business. */
export class InvalidCredentialsError extends ProblemError {
  constructor() {
    super(
      401,
      'invalid_credentials',
      'The credential is not valid, or no longer. Get a new one and try again.',
    );
  }
}

export class InvalidTicketError extends ProblemError {
  constructor() {
    super(
      401,
      'invalid_ticket',
      'The ticket is expired, was used from another address or is for another stream. Get a new one from …/stream-tickets.',
    );
  }
}
