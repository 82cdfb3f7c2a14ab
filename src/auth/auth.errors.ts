import { ProblemError } from '../problems/problem.error.js';

export class CredentialsMissingError extends ProblemError {
  constructor() {
    super('credentials_missing');
  }
}

/** The same answer for every reason, so that it does not reveal why a credential is invalid. */
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
