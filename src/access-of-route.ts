import { Reflector } from '@nestjs/core';
import { AllowOperator, AllowTicket } from './auth/access.decorators.js';
import { ruleOf } from './auth/route-rule.js';
import type { AccessOf } from './openapi/route-access.js';

/** Metadata key of `@SkipThrottle()` for the throttler without a name. @nestjs/throttler does not export it. */
const SKIP_THROTTLE = 'THROTTLER:SKIPdefault';

const reflector = new Reflector();

/** Reads the decorators as the guards do: those of the handler win over those of the controller. */
export const accessOf: AccessOf = (handler, controller) => {
  const targets = [handler, controller];
  const rule = ruleOf(reflector, targets);
  return {
    isPublic: rule?.kind === 'public',
    scope: rule?.kind === 'credential' ? rule.scope : undefined,
    acceptsTicket: reflector.get(AllowTicket, handler) !== undefined,
    isForOperators: reflector.getAllAndOverride(AllowOperator, targets) ?? false,
    isThrottled: !reflector.getAllAndOverride<boolean | undefined>(SKIP_THROTTLE, targets),
  };
};
