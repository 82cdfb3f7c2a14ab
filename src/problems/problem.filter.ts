import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { Problem } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { STATUS_CODES } from 'node:http';
import { NoContentSignal } from './no-content.signal.js';
import { ProblemError } from './problem.error.js';

/** body-parser's errors, by their `type`. */
const BODY_ERRORS: Record<string, [code: string, detail: string]> = {
  'entity.parse.failed': ['malformed_json', 'The body is not JSON.'],
  'entity.too.large': ['body_too_large', 'The body is larger than this server takes (BODY_LIMIT_BYTES).'],
  'encoding.unsupported': [
    'unsupported_encoding',
    'Send the body as it is, or with Content-Encoding gzip, deflate or br.',
  ],
  'charset.unsupported': ['unsupported_charset', 'Send the body as UTF-8.'],
  'request.aborted': ['request_aborted', 'The request ended before its body was complete.'],
  'request.size.invalid': ['request_size_invalid', 'Content-Length does not fit the body.'],
};

/** Shapes every error as RFC 9457. What is not known leaves as a generic sentence and is logged. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (error instanceof NoContentSignal) {
      response.status(204).end();
      return;
    }
    const problem = this.toProblem(error, request);
    const headers = error instanceof ProblemError ? (error.extra.headers ?? {}) : {};
    if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    response
      .status(problem.status)
      .set(headers)
      .type('application/problem+json')
      .send(JSON.stringify(problem));
  }

  private toProblem(error: unknown, request: Request): Problem {
    const { status, code, detail, errors } = this.describe(error, request);
    return {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail,
      code,
      instance: request.path,
      ...(request.requestId !== undefined && { requestId: request.requestId }),
      ...(errors && { errors }),
    };
  }

  private describe(error: unknown, request: Request): Pick<Problem, 'status' | 'code' | 'detail' | 'errors'> {
    if (error instanceof ProblemError)
      return { status: error.status, code: error.code, detail: error.message, errors: error.extra.errors };
    if (error instanceof HttpException) {
      const status = error.getStatus();
      if (status === 404)
        return { status, code: 'route_not_found', detail: 'There is no such route; /docs lists them all.' };
      const code = (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/[^a-z]+/g, '_');
      return { status, code, detail: status < 500 ? error.message : 'Something went wrong on this side.' };
    }
    const { type, status } = error as { type?: string; status?: number };
    const known = type === undefined ? undefined : BODY_ERRORS[type];
    if (known && status) return { status, code: known[0], detail: known[1] };
    if (error instanceof URIError)
      return { status: 400, code: 'malformed_url', detail: 'The URL is not properly encoded.' };
    this.logger.error(
      `${request.method} ${request.path} (${request.requestId}): ${error instanceof Error ? error.stack : String(error)}`,
    );
    return {
      status: 500,
      code: 'internal_error',
      detail: 'Something went wrong on this side. The log has it under this requestId.',
    };
  }
}
