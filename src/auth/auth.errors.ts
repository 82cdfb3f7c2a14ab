import { ProblemError } from '../problems/problem.error.js';

export class CredentialsMissingError extends ProblemError {
  constructor() {
    super('credentials_missing');
  }
}

/** One answer for every reason: which one it was is nobody's business. */
export class InvalidCredentialsError extends ProblemError {
  constructor() {
    super('invalid_credentials');
  }
}

export class InvalidTicketError extends ProblemError {
  constructor() {
    super('invalid_ticket');
  }
}
