import { Reflector } from '@nestjs/core';

/** The route has no query parameters and refuses all. `Documented` sets it for routes without a schema of the query. */
export const NoQuery = Reflector.createDecorator<boolean>();
