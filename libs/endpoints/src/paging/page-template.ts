import { parseSelect, standInAlias } from '@ingot/datasets';
import type { SqlTemplate } from '../sql-template.js';
import type { Arm } from './arm.js';
import { armPlaces, type ArmPlaces } from './arm-places.js';
import { keysetCondition } from './keyset.js';
import { edited, joined, templateOf, type Edit, type Piece } from './pieces.js';

/** A statement and its arms. */
export interface Paged {
  readonly template: SqlTemplate;
  readonly arms: readonly Arm[];
}

/** Which rows of the whole answer a page has; each of these shapes is a statement of its own. */
export interface PageShape {
  readonly firstArm: number;
  readonly lastArm: number;
  /** Begins behind a row of the first arm, else with its first row. */
  readonly after: boolean;
  /** Ends with a row of the last arm, else with its last row. */
  readonly upTo: boolean;
  /** Growing relations are read as of page one's run. */
  readonly asOfRun: boolean;
}

/** Names of values beside those of keyset.ts: page one's run, the page's size, the dataset's name. */
export const RUN = '#run';
export const ROWS = '#rows';
export const DATASET = '#dataset';

interface Parts {
  readonly text: string;
  readonly places: readonly ArmPlaces[];
  /** Holes and, in statements as of a run, growing relations. */
  readonly edits: (asOfRun: boolean) => Edit[];
}

const parts = new WeakMap<SqlTemplate, Parts>();
const compiled = new WeakMap<SqlTemplate, Map<string, SqlTemplate>>();

/**
 * The rows of a page: the statement with a condition in each arm. Arms outside of the page stay, with a condition that
 * is never true, because the names and types of the result are made of all of them.
 */
export function rowsTemplate(paged: Paged, shape: PageShape): SqlTemplate {
  return remembered(paged, `rows ${JSON.stringify(shape)}`, () => {
    const { text, places, edits } = partsOf(paged);
    const conditions = paged.arms.flatMap((arm, i) => condition(places[i]!, conditionOf(arm, i, shape)));
    return templateOf(edited(text, 0, text.length, [...edits(shape.asOfRun), ...conditions]));
  });
}

/** What a row of an arm must be to stand on a page of this shape; nothing when all of them do. */
export function conditionOf(arm: Arm, i: number, { firstArm, lastArm, after, upTo }: PageShape): Piece[] {
  if (i < firstArm || i > lastArm) return ['false'];
  const conditions = [...(after && i === firstArm ? [keysetCondition(arm, 'after')] : []), ...(upTo && i === lastArm ? [keysetCondition(arm, 'up to')] : [])];
  return joined(conditions, ' and ');
}

/** Puts a condition before the arm's own. */
export function condition({ where }: ArmPlaces, pieces: readonly Piece[]): Edit[] {
  if (pieces.length === 0) return [];
  if (!where.exists) return [{ start: where.start, end: where.start, pieces: ['\nwhere ', ...pieces] }];
  return [
    { start: where.start, end: where.start, pieces: [' ', ...pieces, ' and ('] },
    { start: where.end, end: where.end, pieces: [')'] },
  ];
}

export function partsOf({ template, arms }: Paged): Parts {
  const known = parts.get(template);
  if (known !== undefined) return known;
  const statement = parseSelect(template.text, { parameters: true });
  const holes = template.holes.map(({ start, end, sourceEnd: _, ...hole }): Edit => ({ start, end, pieces: [hole] }));
  const relations = statement.mentions
    .filter(({ relation }) => arms.some(({ growing }) => growing.includes(relation)))
    .map(({ relation, start, end, aliased }): Edit => {
      const alias = aliased ? '' : standInAlias(relation);
      return { start, end, pieces: [` (select * from ${template.text.slice(start, end)} where _run_id <= `, { parameter: RUN, sqlType: 'int8' }, `)${alias} `] };
    });
  const found: Parts = { text: template.text, places: armPlaces(statement), edits: (asOfRun) => (asOfRun ? [...holes, ...relations] : holes) };
  parts.set(template, found);
  return found;
}

export function remembered({ template }: Paged, shape: string, make: () => SqlTemplate): SqlTemplate {
  const templates = compiled.get(template) ?? new Map<string, SqlTemplate>();
  compiled.set(template, templates);
  const known = templates.get(shape) ?? make();
  templates.set(shape, known);
  return known;
}
