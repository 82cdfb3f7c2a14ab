import { applyDecorators, HttpCode } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ProblemCode } from '@cloutagent/contract';
import type { z } from 'zod';
import type { RequestHeader, ResponseHeader } from './headers.js';
import type { TagName } from './tags.js';

/** Describes a route in the OpenAPI document. Its path, method, scope and usual problems are found without it. */
export interface Documentation {
  /** The operationId: unique, and stable, because generated clients name their functions after it. */
  id: string;
  tag: TagName;
  summary: string;
  /** Markdown. */
  description: string;
  /** Status of success. */
  status: number;
  /** Another status of success with the same body, for example 200 if nothing had to be made. */
  repeated?: number;
  /** When the route answers 204 instead. */
  noContent?: string;
  /** Schemas of the parameters in the path, by name. A parameter without one is a string. */
  params?: Record<string, z.ZodType>;
  /**
   * Schema of the query. The document lists its members as separate parameters. Without it, a request with a query is
   * refused.
   */
  query?: z.ZodType;
  /** Whether the route ignores its query. Health checks and scrapers of metrics may add parameters of their own. */
  anyQuery?: boolean;
  /** Request headers that the route reads. */
  requestHeaders?: readonly RequestHeader[];
  body?: { schema: z.ZodType; required: boolean; examples: Record<string, Example> };
  response?: z.ZodType;
  contentType?: string;
  /** Examples of responses, by name. */
  examples?: Record<string, Example>;
  /** Other successful responses, with the same headers. */
  alternatives?: readonly Alternative[];
  /** Headers of a successful response, in addition to those of every response. */
  responseHeaders?: readonly ResponseHeader[];
  /** Codes of the problems of this route, in addition to those that follow from its parameters, body and access. */
  errors?: readonly ProblemCode[];
  /** How the route answers errors, if not as problems: `ProblemForms` has the form of its path. */
  errorForm?: ErrorForm;
}

/** The form in which a protocol answers errors. */
export interface ErrorForm {
  contentType: string;
  schema: z.ZodType;
  /** Returns the error with a code. */
  example: (code: ProblemCode) => object;
}

/** A successful response that is not the usual one. */
interface Alternative {
  status: number;
  /** When the route answers in this way. */
  description: string;
  /** By content type. */
  content: Record<string, { schema: z.ZodType; examples?: Record<string, Example> }>;
}

interface Example {
  summary?: string;
  value: unknown;
}

const Described = Reflector.createDecorator<Documentation>();

/** Describes a route in the OpenAPI document, and makes it answer with the status that the document names. */
export const Documented = (documentation: Documentation): MethodDecorator =>
  applyDecorators(Described(documentation), HttpCode(documentation.status));

/** Returns the description of a route; undefined without `@Documented`. */
export const documentationOf = (handler: Parameters<Reflector['get']>[1]): Documentation | undefined =>
  new Reflector().get(Described, handler);
