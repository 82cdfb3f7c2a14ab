/** Nodes and workflows for tests of child executions. */
export const node = (id: string, type: string, config: object, data: object = {}) => ({
  id,
  type,
  data: { config, ...data },
});
export const transform = (id: string, expression: string) => node(id, 'transform', { expression });
/** A workflow of nodes that run one after another. */
export const graph = (...nodes: { id: string }[]) => ({
  nodes,
  edges: nodes.slice(1).map(({ id }, index) => ({ source: nodes[index]!.id, target: id })),
});
export const run = (workflow: object, input: unknown = null, more: object = {}) => ({
  projectId: 'demo',
  input,
  workflow,
  ...more,
});
/** A map whose children are maps, and so on. Its leaves run `leaf`. */
export const tree = (depth: number, width: number, leaf: object): ReturnType<typeof graph> => {
  const workflow = depth === 1 ? leaf : tree(depth - 1, width, leaf);
  const items = Array.from({ length: width }, (_unused, index) => index);
  return graph(node('map', 'map', { items, workflow, concurrency: width }));
};
