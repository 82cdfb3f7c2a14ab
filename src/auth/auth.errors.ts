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

/** The same answer for every reason, so that it does not reveal why a credential is invalid. */
export class InvalidCredentialsError extends ProblemError {
  constructor() {
    super(
      401,
      'invalid_credentials',
      'The credential is invalid, expired or revoked. Get a new one and try again.',
    );
  }
}

export class InvalidTicketError extends ProblemError {
  constructor() {
    super(
      401,
      'invalid_ticket',
      'The ticket is invalid or expired, was used from another address, or is for another stream. Get a new one from …/stream-tickets.',
    );
  }
}
