import type { ThrottlerStorage } from '@nestjs/throttler';

/** Injection token of an object that holds the storage which replaces WindowStorage, if there is one. */
export const ThrottlerStorageOption = Symbol('ThrottlerStorageOption');
export interface ThrottlerStorageOption {
  readonly storage: ThrottlerStorage | undefined;
}
