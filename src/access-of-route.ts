import { Reflector } from '@nestjs/core';
import { AllowAnyScope, AllowOperator, AllowTicket, Public, RequireScope } from './auth/access.decorators.js';
import type { AccessOf } from './openapi/route-access.js';

/** Metadata key of `@SkipThrottle()` for the throttler without a name. @nestjs/throttler does not export it. */
const SKIP_THROTTLE = 'THROTTLER:SKIPdefault';

const reflector = new Reflector();

/** Reads the decorators as the guards do: those of the handler win over those of the controller. */
export const accessOf: AccessOf = (handler, controller) => {
  const targets = [handler, controller];
  return {
    isPublic: reflector.getAllAndOverride(Public, targets) ?? false,
    scope: reflector.getAllAndOverride(AllowAnyScope, targets)
      ? undefined
      : reflector.getAllAndOverride(RequireScope, targets),
    acceptsTicket: reflector.get(AllowTicket, handler) !== undefined,
    isForOperators: reflector.getAllAndOverride(AllowOperator, targets) ?? false,
    isThrottled: !reflector.getAllAndOverride<boolean | undefined>(SKIP_THROTTLE, targets),
  };
};
