import os from 'node:os';

/** How the suite was asked to run; scripts/test-faults.mjs sets the variables. */
export const options = {
  /** Many rounds and long outages instead of a few short ones. */
  long: process.env.INGOT_TEST_FAULTS_LONG === '1',
  /** Every random choice follows from it. */
  seed: Number(process.env.INGOT_TEST_FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31)),
  /** Where each case leaves its figures for the report; unset: nowhere. */
  folder: process.env.INGOT_TEST_FAULTS_FOLDER,
};

/** For hooks that make a PostgreSQL: some two seconds on a calm machine. */
export const START_MS = 300_000;

/** One value for the short form, one for the long. */
export function sized<T>(short: T, long: T): T {
  return options.long ? long : short;
}

/**
 * The time limits of the cases are for a calm machine. Where others compute too, everything takes longer, the clients
 * included: a limit grows with the load, and is never less than three times what it says.
 */
export function patience(milliseconds: number): number {
  const [load = 0] = os.loadavg();
  return milliseconds * Math.max(3, (2 * load) / os.availableParallelism());
}
