import type { DataTest, DataTestKind, Model } from '@ingot/datasets';
import pg from 'pg';
import { columnName } from '../../sql-names.js';

const ROW_RULES = ['not_null', 'accepted_values', 'in_range', 'matches'] as const satisfies readonly DataTestKind[];

/** A data test that looks at one row alone. */
export type RowRule = Extract<DataTest, { kind: (typeof ROW_RULES)[number] }>;

export function isRowRule(test: DataTest): test is RowRule {
  return (ROW_RULES as readonly string[]).includes(test.kind);
}

/** The rules of a row-wise model whose guilty rows go to quarantine. */
export function divertingRules(model: Model): RowRule[] {
  return model.dataTests.filter(isRowRule).filter(({ onFail }) => onFail === 'quarantine');
}

/**
 * The condition for the rows that break a rule, as SQL over the model's output columns; its value may be null, which is
 * no. Only `not_null` minds a null. Texts of the header are literals of the column's type.
 */
export function violates(rule: RowRule): string {
  const broken = brokenBy(rule);
  return rule.where === undefined ? broken : `((\n${rule.where}\n) and ${broken})`;
}

function brokenBy(rule: RowRule): string {
  const column = columnName(rule.column);
  switch (rule.kind) {
    case 'not_null':
      return `(${column} is null)`;
    case 'accepted_values':
      return `(${column} not in (${rule.values.map((value) => pg.escapeLiteral(String(value))).join(', ')}))`;
    case 'in_range': {
      const below = rule.min === undefined ? [] : [`${column} < ${literal(rule.min)}`];
      const above = rule.max === undefined ? [] : [`${column} > ${literal(rule.max)}`];
      return `(${[...below, ...above].join(' or ')})`;
    }
    case 'matches':
      return `(${column}::text !~ ${pg.escapeLiteral(rule.pattern)})`;
  }
}

/** A number stays one: `'0.5'` is no literal of an integer column. */
function literal(value: number | string): string {
  return typeof value === 'number' ? String(value) : pg.escapeLiteral(value);
}
