import type { JsonSchema } from './json-schema.js';

export interface Reference {
  $ref: string;
}

export interface ParameterObject {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  description?: string;
  schema?: JsonSchema;
  content?: object;
  [field: string]: unknown;
}

interface MediaTypeObject {
  schema?: JsonSchema;
  example?: unknown;
  examples?: Record<string, { summary?: string; value: unknown } | Reference>;
}

export interface ResponseObject {
  description: string;
  headers?: Record<string, Reference | object>;
  content?: Record<string, MediaTypeObject>;
}

/** An operation of an OpenAPI 3.1 document. */
export interface OperationObject {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  security?: Record<string, string[]>[];
  parameters?: (ParameterObject | Reference)[];
  requestBody?: { required?: boolean; content: Record<string, MediaTypeObject> };
  responses: Record<string, ResponseObject | Reference>;
  [field: string]: unknown;
}
