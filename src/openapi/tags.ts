/** The groups of operations, in the order in which the document shows them. */
export const TAGS = {
  Executions: 'Start executions, read them and their recorded events.',
  Workflows: 'Save workflows under a name, with versions and aliases.',
  Control: 'Pause, resume and cancel executions, and answer their approval nodes.',
  Waits: 'List and answer the waits of executions, send signals, and receive callbacks.',
  'Bulk operations': 'Cancel many executions, or run many again, in the background.',
  Projects: 'Read the figures of a project.',
  Secrets: 'Set the secrets of a project, which no route returns.',
  Variables: 'Set the variables of a project: plain values that workflows refer to.',
  Protocols: 'Run saved workflows from clients of other protocols.',
  Streams: 'Watch executions live, as server-sent events.',
  OpenAI: 'Run saved workflows with the clients of OpenAI.',
  Keys: 'Manage API keys, and see what your own credential may do.',
  Schedules: 'Start saved workflows at times that recur.',
  Triggers: 'Start saved workflows by the webhooks of other services.',
  Listeners: 'See durable listeners of modules, and replay what could not be delivered.',
  Webhooks: 'Have events delivered to addresses of your own, and see what became of the deliveries.',
  Operations: 'Health and metrics of a process.',
} as const;
export type TagName = keyof typeof TAGS;
