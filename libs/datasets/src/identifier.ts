import type { Problems } from './problem.js';
import type { Located } from './section.js';

/** Longest name Postgres keeps whole (NAMEDATALEN - 1). */
const LONGEST = 63;
const PLAIN = /^[a-z_][a-z0-9_]*$/;

/** Why a name cannot stand in SQL without quotes; undefined when it can. */
export function identifierFault(name: string): string | undefined {
  if (!PLAIN.test(name)) return 'must be lower-case letters, digits and _, and not begin with a digit';
  return name.length > LONGEST ? `has ${name.length} characters; PostgreSQL keeps ${LONGEST}` : undefined;
}

/** The names that are plain identifiers; the others are reported. */
export function plainNames(names: readonly Located[], problems: Problems): Located[] {
  return names.filter(({ value, place }) => {
    const fault = identifierFault(value);
    if (fault !== undefined) problems.add(place, `the column name ${value} ${fault}`);
    return fault === undefined;
  });
}
