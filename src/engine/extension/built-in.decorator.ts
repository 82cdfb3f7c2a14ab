import { SetMetadata } from '@nestjs/common';

const KEY = 'cloutagent:built-in';

/** Marks a class as part of this server. Warnings about code of modules leave it out. */
export const BuiltIn = (): ClassDecorator => SetMetadata(KEY, true);

/** Whether an instance is of a class that is part of this server. A class of a module that extends one is not. */
export const isBuiltIn = (instance: object): boolean =>
  Reflect.getOwnMetadata(KEY, instance.constructor) === true;
