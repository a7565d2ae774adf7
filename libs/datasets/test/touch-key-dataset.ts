import type { TouchKeyCase } from './touch-key-cases.js';
import { load, sqlFile } from './written-dataset.js';

const input = (columns: string): string => sqlFile('materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw', `select ${columns} from bronze.raw`);
const INPUTS = {
  'silver/a.sql': input('id as k, id as g, id as v'),
  'silver/b.sql': input('id as k, id as g, id as w'),
  'silver/l.sql': input('id as k, id as g, id as x'),
};

/** Loads the case as the model gold.m, its lookups named as they should be. */
export async function loadCase({ select, touchKey, incrementOn }: TouchKeyCase) {
  const lookups = ['silver.a', 'silver.b', 'silver.l'].filter((relation) => select.includes(relation) && !incrementOn.includes(relation));
  const header = `materialized: incremental
incremental_strategy: delete+insert
increment_on: [${incrementOn.join(', ')}]
lookups: [${lookups.join(', ')}]
touch_key: [${touchKey.join(', ')}]`;
  return (await load({ ...INPUTS, 'gold/m.sql': sqlFile(header, select) })).models.find(({ relation }) => relation === 'gold.m')!;
}
