import { basename, join, resolve } from 'node:path';
import { readdir } from 'node:fs/promises';
import type { Dataset } from '../dataset.js';
import { formatPlace, Problems } from '../problem.js';
import { readText } from '../sql-file.js';
import { knownColumns } from './known-columns.js';
import type { UnitTest } from './unit-test.js';
import { readUnitTestFile } from './unit-test-file.js';

const FOLDER = 'unit';

/**
 * Reads the unit tests of a dataset, `<sqlDir>/<dataset>/unit/*.yml`, in the order of files and of tests in them. Their
 * models, inputs and columns are checked against the dataset.
 * @param unsure relations that could not be read right: of their unit tests only the name is checked
 * @throws DatasetError with every problem of every file
 */
export async function loadUnitTests(sqlDir: string, dataset: Dataset, unsure: ReadonlySet<string> = new Set()): Promise<UnitTest[]> {
  const problems = new Problems();
  const folder = join(resolve(sqlDir), dataset.name, FOLDER);
  const tested = { dataset, columns: knownColumns(dataset), unsure };
  const names = await ymlFiles(folder);
  const tests = await Promise.all(
    names.map(async (name) => {
      const file = `${basename(resolve(sqlDir))}/${dataset.name}/${FOLDER}/${name}`;
      const text = await readText(join(folder, name), file, problems);
      return text === undefined ? [] : readUnitTestFile(file, text, tested, problems);
    }),
  );
  const all = tests.flat();
  checkNames(all, problems);
  problems.throwIfAny();
  return all;
}

function checkNames(tests: readonly UnitTest[], problems: Problems): void {
  const first = new Map<string, UnitTest>();
  for (const test of tests) {
    const other = first.get(test.name);
    if (other === undefined) first.set(test.name, test);
    else problems.add(test.place, `the name ${test.name} is taken already, at ${formatPlace(other.place)}`);
  }
}

/** Files of other kinds are reported with the rest of the dataset's folder. */
async function ymlFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.yml') && !name.startsWith('.')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
