import { parseArgs } from 'node:util';

export interface Options {
  /** Two minutes in all instead of fifteen: fewer rounds, less data. */
  readonly quick: boolean;
  /** Compares with the committed ratios and exits with 1 on a loss. */
  readonly check: boolean;
  /** Ids of workloads; empty = all. */
  readonly only: readonly string[];
  /** Where the figures go as JSON. */
  readonly json?: string;
  /** Where the tables go; stdout without it. */
  readonly markdown?: string;
  readonly rounds?: number;
}

export const USAGE = `npm run bench -- [options]
  --quick           two minutes instead of fifteen: smaller amounts, some workloads left out
  --check           fail when a ratio is more than 25 % worse than the committed one, also when measured again
  --only a,b        these workloads only
  --rounds n        rounds of each contender, however long they take
  --json file       write the figures as JSON
  --markdown file   write the tables there instead of to stdout`;

/** @throws Error in words for the terminal */
export function readOptions(args: readonly string[], workloads: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, only: { type: 'string' }, rounds: { type: 'string' }, json: { type: 'string' }, markdown: { type: 'string' } },
  });
  const only = (values.only ?? '').split(',').filter((id) => id !== '');
  const unknown = only.filter((id) => !workloads.includes(id));
  if (unknown.length > 0) throw new Error(`unknown workload ${unknown.join(', ')}; known are ${workloads.join(', ')}`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error(`--rounds ${values.rounds}: must be a whole number above 0`);
  return {
    quick: values.quick,
    check: values.check,
    only,
    ...(rounds === undefined ? {} : { rounds }),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.markdown === undefined ? {} : { markdown: values.markdown }),
  };
}
