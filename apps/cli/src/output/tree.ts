/** A line with what hangs below it. */
export interface TreeNode {
  readonly text: string;
  readonly children: readonly TreeNode[];
}

/**
 * Trees as text, a line for each node:
 * ```
 * ├─ a
 * │  └─ b
 * └─ c
 * ```
 */
export function formatTree(nodes: readonly TreeNode[], indent = ''): string {
  return nodes
    .map(({ text, children }, at) => {
      const [branch, below] = at === nodes.length - 1 ? ['└─ ', '   '] : ['├─ ', '│  '];
      return `${indent}${branch}${text}\n${formatTree(children, indent + below)}`;
    })
    .join('');
}
