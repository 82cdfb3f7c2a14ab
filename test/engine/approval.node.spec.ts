import type { JsonSchemas } from '../../src/engine/nodes/json-schemas.js';
import { ApprovalNode } from '../../src/engine/nodes/approval.node.js';

const { config } = new ApprovalNode({} as JsonSchemas);

it.each(['', 'key:\0', 'key:\uD800'])('refuses an assignee that no principal can be: %j', (assignee) => {
  expect(config.safeParse({ assignees: ['key:1'] }).success).toBe(true);
  expect(config.safeParse({ assignees: ['key:1', assignee] }).success).toBe(false);
});
