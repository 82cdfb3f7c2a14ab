/** Returns the address of the page of a saved workflow. */
export const workflowAddress = (project: string, name: string): string =>
  `/workflows/${encodeURIComponent(project)}/${encodeURIComponent(name)}`;
