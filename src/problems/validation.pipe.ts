import { type ArgumentMetadata, Injectable, StandardSchemaValidationPipe } from '@nestjs/common';
import { ValidationFailedError } from './problem.error.js';

const MAX_ERRORS = 100;

/** Validates parameters, queries and bodies that have a schema. Throws ValidationFailedError with the first 100 errors. */
@Injectable()
export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({
      exceptionFactory: (issues) =>
        new ValidationFailedError(
          issues.slice(0, MAX_ERRORS).map(({ path = [], message }) => ({
            path: path
              .map((segment) => String(typeof segment === 'object' ? segment.key : segment))
              .join('.'),
            message,
          })),
        ),
    });
  }

  /**
   * Refuses lists that are written as `name[]=a&name[]=b`, as some clients do. Unknown parameters are ignored, so such a
   * filter would have no effect, and the caller would see everything.
   */
  override transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    const lists =
      metadata.type === 'query' ? Object.keys(value as object).filter((key) => key.endsWith(']')) : [];
    if (lists.length > 0)
      throw new ValidationFailedError(
        lists.map((path) => ({ path, message: `write lists as ${path.split('[', 1)[0]}=a,b` })),
      );
    return super.transform(value, metadata);
  }

  /**
   * Does nothing. Nest would remove every member named `constructor`, `prototype` or `__proto__` at any depth, so an
   * input would lose them silently. They are safe to keep: the schemas decide which members are accepted, and objects are
   * not merged.
   */
  protected override stripProtoKeys(): void {}
}
