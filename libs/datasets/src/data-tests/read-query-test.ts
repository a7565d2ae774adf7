import { queryTestHash } from '../code-hash.js';
import type { DatasetFile } from '../dataset-folder.js';
import type { QueryTest } from '../dataset.js';
import { readQuery } from '../model-file.js';
import { readTags } from '../model-header.js';
import type { SelectStatement } from '../parser.js';
import type { Problems } from '../problem.js';
import { readSqlText, startOf } from '../sql-file.js';
import { TestSettings } from './test-settings.js';
import { readSeverity } from './test-terms.js';

/** A SELECT of `tests/`, with its parse tree. */
export interface ReadQueryTest {
  readonly test: QueryTest;
  readonly statement: SelectStatement;
  readonly codeHash: string;
}

/**
 * Reads `tests/<name>.sql`: a SELECT whose rows must not exist. Its header may be left out.
 * @param relations what the dataset owns, for hints
 */
export async function readQueryTest({ path, file, name }: DatasetFile, relations: readonly string[], problems: Problems): Promise<ReadQueryTest | undefined> {
  const sql = await readSqlText(path, file, problems);
  if (sql === undefined) return undefined;
  const { header } = sql;
  const settings = new TestSettings(header, startOf(file), problems);
  const { onFail, ...thresholds } = readSeverity(settings, false, problems);
  const terms = { description: header?.text('description')?.value ?? '', tags: header === undefined ? [] : readTags(header, problems), ...thresholds };
  settings.finish();
  const read = readQuery(sql, problems, { relations });
  if (read === undefined || onFail === 'quarantine') return undefined;
  const test = { name, file, ...terms, onFail, query: read.query };
  return { test, statement: read.statement, codeHash: queryTestHash(test, read.statement.tree) };
}
