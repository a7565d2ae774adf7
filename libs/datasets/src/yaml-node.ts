import { isAlias, isMap, isScalar, isSeq, type Node as YamlNode } from 'yaml';

/** The text of a mapping's key. */
export function keyOf(key: unknown): string | undefined {
  if (isScalar(key)) return String(key.value);
  return typeof key === 'string' ? key : undefined;
}

/** What a value is, as messages say it. */
export function describe(node: YamlNode | null): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isAlias(node)) return 'an alias';
  if (!isScalar(node) || node.value === null) return 'empty';
  return typeof node.value === 'string' ? `the text ${JSON.stringify(node.value)}` : `the ${typeof node.value} ${JSON.stringify(node.value)}`;
}
