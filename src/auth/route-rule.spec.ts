import { Reflector } from '@nestjs/core';
import { AllowAnyScope, Public, RequireScope } from './access.decorators.js';
import { ruleOf } from './route-rule.js';

const RULES = {
  none: undefined,
  public: { decorate: Public(), rule: { kind: 'public' } },
  any: { decorate: AllowAnyScope(), rule: { kind: 'credential', scope: undefined } },
  scope: {
    decorate: RequireScope('executions:read'),
    rule: { kind: 'credential', scope: 'executions:read' },
  },
} as const;
const names = Object.keys(RULES) as (keyof typeof RULES)[];

describe.each(names)('the rule of a route whose controller has %s', (ofController) => {
  it.each(names)('and whose method has %s', (ofMethod) => {
    class Controller {
      method(this: void): void {
        return undefined;
      }
    }
    const { method } = Controller.prototype;
    RULES[ofController]?.decorate(Controller);
    RULES[ofMethod]?.decorate(Controller.prototype, 'method', { value: method });
    expect(ruleOf(new Reflector(), [method, Controller])).toEqual(
      RULES[ofMethod]?.rule ?? RULES[ofController]?.rule,
    );
  });
});
