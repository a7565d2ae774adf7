import { select, SelectorError, type Dataset, type Selection, type UnitTest } from '@ingot/datasets';
import type { ApplyPlan } from '@ingot/models';
import type { Command } from 'commander';
import { WrongUsage } from './command-failed.js';

export interface SelectorOptions {
  readonly select?: readonly string[];
  readonly exclude?: readonly string[];
}

const HELP = `
Selectors: name, schema.name, *; tag:x, path:sql/sensor/silver, source:x, state:modified;
+name (with what it reads), name+ (with what reads it), 2+name, name+1; a blank unites, a comma intersects.`;

/** Lets a command take selectors as arguments, or as dbt does by --select, and --exclude. */
export function withSelectors(command: Command): Command {
  return command
    .argument('[selectors...]', 'what to choose; everything when none is given')
    .option('-s, --select <selectors...>', 'the same as arguments')
    .option('--exclude <selectors...>', 'what to leave out')
    .addHelpText('after', HELP);
}

/**
 * What the selectors of a command line choose.
 * @param modified for `state:modified`; undefined where the command does not compare with what was applied
 * @throws WrongUsage for a selector that cannot be read or that nothing answers to
 */
export function chooseRelations(datasets: readonly Dataset[], selectors: readonly string[], options: SelectorOptions & { readonly unitTests?: readonly UnitTest[] }, modified?: ReadonlySet<string>): Selection {
  try {
    return select(datasets, [...selectors, ...(options.select ?? [])], { exclude: options.exclude ?? [], ...(options.unitTests === undefined ? {} : { unitTests: options.unitTests }), ...(modified === undefined ? {} : { modified }) });
  } catch (error) {
    throw error instanceof SelectorError ? new WrongUsage(error.message) : error;
  }
}

/** Whether the selectors compare with what was applied, so that a database must be asked. */
export function asksForState(selectors: readonly string[], options: SelectorOptions): boolean {
  return [...selectors, ...(options.select ?? []), ...(options.exclude ?? [])].some((term) => term.includes('state:'));
}

/** For `state:modified`: models whose file differs from what was applied in more than comments and layout, and changed seeds. */
export function modifiedRelations(plans: readonly ApplyPlan[]): ReadonlySet<string> {
  const models = plans.flatMap((plan) => plan.models.filter(({ change }) => change !== 'none' && change !== 'formatting').map(({ relation }) => relation));
  return new Set([...models, ...plans.flatMap(({ seeds }) => seeds)]);
}
