export { Deprecated, type Deprecation } from './openapi/deprecated.decorator.js';
