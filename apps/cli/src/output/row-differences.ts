import type { Io } from '../io.js';
import { paint, type Tone } from './colours.js';
import { formatCounted } from './quantities.js';
import { displayWidth, padEnd } from './width.js';

/** A row that is not there, one that is there and should not be, or (both) one with other values. */
export interface DifferentRow {
  readonly expected?: readonly (string | null)[];
  readonly actual?: readonly (string | null)[];
  /** For both: which columns differ. */
  readonly differs?: readonly boolean[];
}

const MOST_ROWS = 20;
const WIDEST_CELL = 60;
const INDENT = '      ';

/**
 * Rows as a diff shows lines, in aligned columns, with marks under the cells that differ:
 * ```
 *          reading_date  device   metric_value
 *       -  2022-04-14    default  12.5
 *       +  2022-04-14    default  13.5
 *                                 ^^^^
 * ```
 * @param columns their titles
 */
export function formatRowDifferences(io: Pick<Io, 'colours'>, columns: readonly string[], rows: readonly DifferentRow[]): string {
  const shown = rows.slice(0, MOST_ROWS);
  const lines = shown.flatMap(({ expected, actual, differs }) => [
    ...(expected === undefined ? [] : [{ sign: '-', tone: 'bad' as const, cells: expected.map(cellText), differs }]),
    ...(actual === undefined ? [] : [{ sign: '+', tone: 'good' as const, cells: actual.map(cellText), differs }]),
  ]);
  const widths = columns.map((column, at) => Math.max(displayWidth(column), ...lines.map(({ cells }) => displayWidth(cells[at] ?? ''))));
  const row = (cells: readonly string[], paintCell: (cell: string, at: number) => string): string =>
    cells.map((cell, at) => paintCell(padEnd(cell, widths[at]!), at)).join('  ').trimEnd();
  const text = [`${INDENT}   ${paint(io, 'quiet', row(columns, (cell) => cell))}`];
  for (const { sign, tone, cells, differs } of lines) {
    const isChanged = (at: number): boolean => differs === undefined || differs[at] === true;
    text.push(`${INDENT}${paint(io, tone, sign)}  ${row(cells, (cell, at) => (isChanged(at) ? paint(io, tone, cell) : cell))}`);
    if (sign === '+' && differs !== undefined) text.push(`${INDENT}   ${marks(io, cells, differs, widths, tone)}`);
  }
  if (rows.length > shown.length) text.push(`${INDENT}   and ${formatCounted(rows.length - shown.length, 'more row', 'more rows')}`);
  return `${text.join('\n')}\n`;
}

/** e.g. `1 row differs, 2 are missing, 3 are too many`. */
export function formatDifferenceCounts(rows: readonly DifferentRow[]): string {
  const count = (test: (row: DifferentRow) => boolean): number => rows.filter(test).length;
  const [changed, missing, unexpected] = [
    count(({ expected, actual }) => expected !== undefined && actual !== undefined),
    count(({ actual }) => actual === undefined),
    count(({ expected }) => expected === undefined),
  ];
  const is = (n: number): string => (n === 1 ? 'is' : 'are');
  const parts = [
    ...(changed === 0 ? [] : [`${formatCounted(changed, 'row')} ${changed === 1 ? 'differs' : 'differ'}`]),
    ...(missing === 0 ? [] : [`${formatCounted(missing, 'row')} ${is(missing)} missing`]),
    ...(unexpected === 0 ? [] : [`${formatCounted(unexpected, 'row')} ${is(unexpected)} too many`]),
  ];
  return parts.join(', ');
}

function marks(io: Pick<Io, 'colours'>, cells: readonly string[], differs: readonly boolean[], widths: readonly number[], tone: Tone): string {
  const line = cells.map((cell, at) => padEnd(differs[at] === true ? '^'.repeat(Math.max(1, displayWidth(cell))) : '', widths[at]!)).join('  ');
  return paint(io, tone, line.trimEnd());
}

/** As a person tells null, nothing and blanks apart; cut where it is too wide. */
function cellText(value: string | null): string {
  if (value === null) return 'null';
  const plain = value !== '' && value !== 'null' && value === value.trim() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value);
  const text = plain ? value : JSON.stringify(value);
  const characters = [...text];
  return characters.length <= WIDEST_CELL ? text : `${characters.slice(0, WIDEST_CELL - 1).join('')}…`;
}
