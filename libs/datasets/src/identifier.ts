import { createHash } from 'node:crypto';
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

/** A name of at most 63 characters; the end of a longer one is replaced by a hash of the whole. */
export function shortenedName(name: string): string {
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 9)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** The names that are plain identifiers; the others are reported. */
export function plainNames(names: readonly Located[], problems: Problems): Located[] {
  return names.filter(({ value, place }) => {
    const fault = identifierFault(value);
    if (fault !== undefined) problems.add(place, `the column name ${value} ${fault}`);
    return fault === undefined;
  });
}
