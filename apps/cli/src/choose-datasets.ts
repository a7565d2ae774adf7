import { didYouMean, type Dataset } from '@ingot/datasets';
import { Option } from 'commander';
import { WrongUsage } from './command-failed.js';

/** `--dataset`, the same in every command that works on datasets. */
export const datasetOption = (): Option => new Option('-d, --dataset <name>', 'one dataset instead of all of them');

/**
 * The datasets a command works on: all, or the one named.
 * @throws WrongUsage when there is none of that name
 */
export function chooseDatasets(datasets: readonly Dataset[], name: string | undefined): readonly Dataset[] {
  if (name === undefined) return datasets;
  const chosen = datasets.filter((dataset) => dataset.name === name);
  if (chosen.length === 0) {
    const names = datasets.map((dataset) => dataset.name);
    throw new WrongUsage(`there is no dataset ${name}${didYouMean(name, names) || `; there are ${names.join(', ')}`}`);
  }
  return chosen;
}
