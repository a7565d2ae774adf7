import type { Io } from '../io.js';
import { paint } from './colours.js';
import { displayWidth, padEnd, padStart } from './width.js';

export interface TableColumn {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align?: 'right';
}

/**
 * Rows in columns as wide as their longest cell, under a line of titles. Cells may be coloured; a line break in one is
 * shown as a blank.
 */
export function formatTable(io: Pick<Io, 'colours'>, columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) => row.map((cell) => cell.replace(/\s*\r?\n\s*/g, ' ')));
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => displayWidth(row[at] ?? ''))));
  const lines = cells.map((row) =>
    columns
      .map(({ align }, at) => (align === 'right' ? padStart : padEnd)(row[at] ?? '', widths[at]!))
      .join('  ')
      .trimEnd(),
  );
  return `${[paint(io, 'quiet', lines[0]!), ...lines.slice(1)].join('\n')}\n`;
}
