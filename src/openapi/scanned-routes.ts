import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { Logger } from '../logging/logger.js';
import { ComponentSchemas } from './component-schemas.js';
import type { JsonSchema } from './json-schema.js';
import type { OperationObject } from './operation.js';

/** Metadata key of `ApiExtension`, whose values @nestjs/swagger copies into the operation. */
const API_EXTENSION = 'swagger/apiExtension';
const HANDLER = 'x-handler';
/** What a path item of OpenAPI 3.1 can have. `@All()` routes have others too. */
const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

const logger = new Logger('OpenApi');

export interface ScannedRoute {
  path: string;
  method: string;
  controller: new () => unknown;
  handler: () => unknown;
  /** The operation as @nestjs/swagger describes it from its own decorators. It may not be valid. */
  operation: OperationObject;
  /** The schemas that the operation refers to, by name. */
  definitions: Record<string, JsonSchema>;
}

/**
 * Returns the routes of all modules in the order of their registration, except those with `@ApiExcludeController` and the like.
 * Logs a warning for a controller that cannot be described, and leaves it out.
 */
export function scanRoutes(app: NestExpressApplication): ScannedRoute[] {
  return [...app.get(ModulesContainer).values()].flatMap((module) =>
    [...module.controllers.values()].flatMap((wrapper) => {
      try {
        return scanController(app, module, wrapper as Wrapper);
      } catch (error) {
        // For example a class with a property whose type @nestjs/swagger cannot find out.
        logger.warn(`${wrapper.name} is missing in the OpenAPI document: ${(error as Error).message}`);
        return [];
      }
    }),
  );
}

type Module = ModulesContainer extends Map<string, infer M> ? M : never;
type Wrapper =
  Module['controllers'] extends Map<unknown, infer W>
    ? W & { metatype: new () => unknown; instance: object }
    : never;

/**
 * Scans a single controller, so that schemas of classes with the same name cannot replace each other, and marks each handler,
 * because the scanner does not say which handler an operation belongs to.
 */
function scanController(app: NestExpressApplication, module: Module, wrapper: Wrapper): ScannedRoute[] {
  const schemas = new ComponentSchemas();
  const { paths, components } = withMarks(handlersOf(wrapper), () =>
    SwaggerModule.createDocument(
      only(app, module, wrapper),
      { openapi: '3.1.1', info: { title: '', version: '' } },
      {
        standardSchemaConverter: (schema) =>
          schema instanceof z.ZodType
            ? { schema: schemas.convert(schema, 'input'), components: {} }
            : undefined,
      },
    ),
  );
  const found = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, OperationObject>)
      .filter(([method]) => METHODS.has(method))
      .map(([method, operation]) => ({ path, method, operation })),
  );
  const adopted = schemas.adopt(found, (components?.schemas ?? {}) as Record<string, JsonSchema>, 'input');
  return adopted.map(({ path, method, operation }) => {
    const { [HANDLER]: handler, ...rest } = operation as OperationObject & { [HANDLER]: string };
    return {
      path,
      method,
      controller: wrapper.metatype,
      handler: Reflect.get(wrapper.metatype.prototype as object, handler) as () => unknown,
      operation: rest,
      definitions: schemas.all(),
    };
  });
}

/** Returns the methods of a controller that handle routes, by name. */
function handlersOf({ metatype }: Wrapper): [name: string, handler: object][] {
  const prototype = metatype.prototype as Record<string, object>;
  return new MetadataScanner()
    .getAllMethodNames(prototype)
    .map((name): [string, object] => [name, prototype[name]!])
    .filter(([, handler]) => Reflect.hasMetadata(METHOD_METADATA, handler));
}

/** Marks handlers while `scan` runs. A host application may document the same classes, so the marks are removed again. */
function withMarks<T>(handlers: [name: string, handler: object][], scan: () => T): T {
  const before = handlers.map(([, handler]) => Reflect.getMetadata(API_EXTENSION, handler) as unknown);
  try {
    for (const [index, [name, handler]] of handlers.entries())
      Reflect.defineMetadata(API_EXTENSION, { ...(before[index] as object), [HANDLER]: name }, handler);
    return scan();
  } finally {
    for (const [index, [, handler]] of handlers.entries())
      if (before[index] === undefined) Reflect.deleteMetadata(API_EXTENSION, handler);
      else Reflect.defineMetadata(API_EXTENSION, before[index], handler);
  }
}

/** Returns the application as the scanner sees it, with a single controller. */
function only(app: NestExpressApplication, module: Module, wrapper: Wrapper): NestExpressApplication {
  const modules = Object.assign(
    new Map([['', { controllers: new Map([['', wrapper]]), metatype: module.metatype, imports: new Set() }]]),
    { applicationId: app.get(ModulesContainer).applicationId },
  );
  return Object.create(app, {
    container: { value: { getModules: () => modules } },
  }) as NestExpressApplication;
}
