// What modules of other teams import. Everything else in this folder is private.
export { AllowAnyScope, CurrentPrincipal, Public, RequireScope } from './auth/access.decorators.js';
export { InvalidCredentialsError } from './auth/auth.errors.js';
export { ownsProject, type Principal } from './auth/principal.js';
export { DeclaresScopes } from './auth/scopes/declares-scopes.decorator.js';
export {
  AuthStrategy,
  type AuthStrategyCall,
  type AuthStrategyHandler,
  type NamedAuthStrategy,
} from './auth/strategies/auth-strategy.js';
export { NotFoundError } from './problems/problem.error.js';
