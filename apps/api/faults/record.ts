import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import type { Verdict } from './oracle.js';
import { options } from './options.js';
import { Random } from './random.js';

/** The figures of a case, as the report shows them. */
export class CaseRecord {
  rounds = 0;
  acknowledged = 0;
  unknown = 0;
  lost = 0;
  doubled = 0;
  /** Milliseconds from the end of each fault to the next acknowledgement. */
  readonly recoveries: number[] = [];
  readonly notes: string[] = [];

  /** Counts it, and fails unless it is as it must be. */
  accept(verdict: Verdict): void {
    for (const name of ['acknowledged', 'unknown', 'lost', 'doubled'] as const) this[name] += verdict[name];
    expect(verdict).toEqual({ ...verdict, lost: 0, doubled: 0, neverSent: 0, storedAnyway: 0, inPart: 0, unlike: 0 });
  }

  /** A measured value in words, for the report's last column. */
  note(words: string): void {
    this.notes.push(words);
  }
}

const DEFAULT_MINUTES = 3;

/**
 * A test that is a case of the suite. Its figures are printed, and kept for the report, whether it passes or not.
 * @param name `<number>: <the fault>`, e.g. `3: PostgreSQL is killed`; names of one number differ
 */
export function faultCase(name: string, body: (record: CaseRecord, random: Random) => Promise<void>, minutes = DEFAULT_MINUTES): void {
  it(
    `case ${name}`,
    async () => {
      const record = new CaseRecord();
      let passed = false;
      try {
        await body(record, new Random(name));
        passed = true;
      } finally {
        keep(name, { passed, ...record });
      }
    },
    minutes * 60_000,
  );
}

/** A case that this machine cannot run, and why; it is reported, not left out. */
export function notRun(name: string, reason: string): void {
  it.skip(`case ${name} (not run: ${reason})`, () => undefined);
  keep(name, { notRun: reason });
}

function keep(name: string, figures: object): void {
  process.stdout.write(`case ${name}, seed ${options.seed}: ${JSON.stringify(figures)}\n`);
  if (options.folder === undefined) return;
  const file = `${name.replaceAll(/[^a-z0-9]+/gi, '-')}.json`;
  writeFileSync(path.join(options.folder, file), JSON.stringify({ name, ...figures }));
}
