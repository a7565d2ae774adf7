/** `schema.name` without its schema: what a relation is called in a statement that gives it no alias. */
export function bareName(relation: string): string {
  return relation.slice(relation.indexOf('.') + 1);
}

/** `schema.name` as SQL writes it, whatever the names hold. */
export function quoteRelation(relation: string): string {
  return relation.split('.').map(quoteName).join('.');
}

/** The alias that something else needs in a relation's place, so that `stg_readings.device` still means something. */
export function standInAlias(relation: string): string {
  return ` as ${quoteName(bareName(relation))}`;
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
