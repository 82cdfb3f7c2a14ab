export * from './json.js';
export * from './workflow.js';
export * from './workflow-graph.js';
export * from './execution.js';
export * from './events.js';
export * from './keys.js';
export * from './problem.js';
export * from './reduce.js';
