/** `silver.t` as SQL writes it, whatever the names hold. */
export function quoteRelation(relation: string): string {
  return relation.split('.').map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}
