/** The groups of operations, in the order in which the document shows them. */
export const TAGS = {
  Executions: 'Start executions, read them and their recorded events.',
  Control: 'Pause, resume and cancel executions, and answer their approval nodes.',
  Waits: 'List and answer the waits of executions, send signals, and receive callbacks.',
  Streams: 'Watch executions live, as server-sent events.',
  Keys: 'Manage API keys, and see what your own credential may do.',
  Schedules: 'Start saved workflows at times that recur.',
  Triggers: 'Start saved workflows by the webhooks of other services.',
  Listeners: 'See durable listeners of modules, and replay what could not be delivered.',
  Operations: 'Health and metrics of a process.',
} as const;
export type TagName = keyof typeof TAGS;
