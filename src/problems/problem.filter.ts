import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { STATUS_CODES } from 'node:http';
import zlib from 'node:zlib';
import { SecretRedactor } from '../config/secret-redactor.js';
import { Logger } from '../logging/logger.js';
import { allowedMethods } from './allowed-methods.js';
import { ProblemForms } from './problem-forms.js';
import { NoContentSignal } from './no-content.signal.js';
import { isDatabaseOutage, isWriteRefusal } from './database-outage.js';
import { problemBody } from './problem-body.js';
import { DatabaseUnavailableError, ProblemError, RouteNotFoundError } from './problem.error.js';

/** Codes of problems for body-parser's errors, by the error's `type`. */
const BODY_PROBLEMS: Record<string, ProblemCode> = {
  'entity.parse.failed': 'malformed_json',
  'entity.too.large': 'body_too_large',
  'encoding.unsupported': 'unsupported_encoding',
  'charset.unsupported': 'unsupported_charset',
  'request.aborted': 'request_aborted',
  'request.size.invalid': 'request_size_invalid',
};

/** Codes of problems for other exceptions: those of the file server, and those that extensions throw. */
const CODES_BY_STATUS = new Map<number, ProblemCode>([
  [412, 'precondition_failed'],
  [416, 'range_not_satisfiable'],
]);

interface Description {
  status: number;
  code: ProblemCode;
  detail: string;
  errors?: Problem['errors'];
  headers?: Record<string, string>;
}

/** Answers every error as an RFC 9457 problem. An unknown error is logged and answered with a generic sentence. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(
    private readonly secrets: SecretRedactor,
    private readonly forms: ProblemForms,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) {
      if (!(error instanceof ProblemError)) this.log(error, request);
      response.destroy();
      return;
    }
    if (error instanceof NoContentSignal) {
      response.status(204).end();
      return;
    }
    const outage = isDatabaseOutage(error);
    if (outage) this.log(error, request);
    this.answer(outage ? new DatabaseUnavailableError(isWriteRefusal(error)) : error, request, response);
  }

  private answer(error: unknown, request: Request, response: Response): void {
    const { headers = {}, ...description } = this.describe(error, request);
    const problem = toProblem(description, request);
    response.locals['problem'] = problem.code;
    // The file server may already have allowed caches to keep the response for a year when it failed.
    response.setHeader('Cache-Control', 'no-store');
    if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    const form = this.forms.of(request.path)?.(problem, { error, request });
    const {
      status = problem.status,
      contentType,
      body,
    } = form ?? {
      contentType: 'application/problem+json',
      body: problem,
    };
    response
      .status(status)
      .set(headers)
      .type(contentType)
      .send(this.secrets.forProcess.json(JSON.stringify(body)));
  }

  private describe(error: unknown, request: Request): Description {
    if (error instanceof RouteNotFoundError) return describeMissingRoute(request);
    if (error instanceof ProblemError) {
      const { code, message: detail, extra } = error;
      return { status: error.getStatus(), code, detail, ...extra };
    }
    if (error instanceof HttpException) {
      const known = codeOfCause(error.cause);
      if (known) return describeCode(known);
      const status = error.getStatus();
      if (status === 404) return describeNotFound(error, request);
      if (status < 500)
        return describeException(error, status, CODES_BY_STATUS.get(status) ?? 'request_refused');
      this.log(error, request);
      return { ...describeCode('internal_error'), status };
    }
    this.log(error, request);
    return describeCode('internal_error');
  }

  /** Logs the path without the query, which may contain a ticket. */
  private log(error: unknown, { method, baseUrl, path, requestId }: Request): void {
    this.logger.error(`${method} ${baseUrl}${path} failed`, error, { requestId });
  }
}

/** Classifies the errors of body-parser and the router for unreadable requests. Nest wraps them in an HttpException. */
function codeOfCause(cause: unknown): ProblemCode | undefined {
  if (!(cause instanceof Error)) return undefined;
  if (cause instanceof URIError) return 'malformed_url';
  const { type, code } = cause as { type?: string; code?: string };
  if (type !== undefined) return BODY_PROBLEMS[type];
  // Only the decompressors zlib, zstd and Brotli throw errors with a code here.
  return code === undefined ? undefined : 'malformed_body';
}

const toProblem = (description: Description, { baseUrl, path, requestId }: Request): Problem =>
  problemBody(description, { instance: baseUrl + path, ...(requestId !== undefined && { requestId }) });

/** Nest throws the exception if no route matches, and so does the handler of an extension that finds nothing. */
function describeNotFound(error: HttpException, request: Request): Description {
  const isHandled = allowedMethods(request).includes(request.method);
  return isHandled ? describeException(error, 404, 'not_found') : describeMissingRoute(request);
}

function describeMissingRoute(request: Request): Description {
  const allowed = allowedMethods(request);
  if (allowed.length === 0 || allowed.includes(request.method)) {
    const detail = `This route does not exist; ${request.baseUrl}/docs lists all routes.`;
    return { ...describeCode('route_not_found'), detail };
  }
  const methods = allowed.join(', ');
  return {
    ...describeCode('method_not_allowed'),
    detail: `This route does not accept ${request.method}. Use one of ${methods}.`,
    headers: { Allow: methods },
  };
}

/** An exception without a message of its own has the name of its status as its message. */
function describeException({ message }: HttpException, status: number, code: ProblemCode): Description {
  const isOwn = message !== STATUS_CODES[status];
  return { status, code, detail: isOwn ? message : detailOf(code) };
}

const describeCode = (code: ProblemCode): Description => ({
  status: PROBLEM_CODES[code].status,
  code,
  detail: detailOf(code),
});

/** Returns the code's text. On Node 20, which has no zstd, the text for an unsupported encoding does not mention it. */
const detailOf = (code: ProblemCode): string =>
  code === 'unsupported_encoding' && !('createZstdDecompress' in zlib)
    ? 'Send the body uncompressed, or with Content-Encoding gzip, deflate or br.'
    : PROBLEM_CODES[code].text;
