import { columnFields } from '../syntax-tree.js';
import { NONE, union, weaken, type Sources } from './sources.js';
import { ValueGroup } from './value-group.js';

export interface Column {
  readonly name: string;
  /** As the parser spells it (`float8`, `timestamptz`); undefined when no file says it. */
  readonly dataType?: string;
  group: ValueGroup;
  /** What the value comes from. */
  readonly from: Sources;
}

/** The name PostgreSQL gives a result column that has none of its own. */
export const UNNAMED = '?column?';

/** The columns something gives. `complete` is false when only a database knows some. */
export interface Columns {
  readonly list: readonly Column[];
  readonly complete: boolean;
  /** What a column comes from that is not in the list; absent when there is none. */
  readonly unlisted?: (name: string) => Sources;
}

/** What a SELECT gives. */
export interface Result extends Columns {
  /** What decides which rows there are and in what order: conditions all of them. */
  readonly rows: Sources;
}

interface Table extends Columns {
  readonly alias: string | undefined;
}

/** What the expressions of one SELECT can name: its tables by alias, the columns that USING merged, and the scope around it. */
export class ColumnScope {
  private constructor(
    private readonly tables: readonly Table[],
    private readonly merged: readonly Column[],
    private readonly outer?: ColumnScope,
  ) {}

  static readonly empty = new ColumnScope([], []);

  /** One table; its columns are copies, so that what an outer SELECT says of them says nothing of the inner one. */
  static table(alias: string | undefined, columns: Columns, newNames: readonly string[] = []): ColumnScope {
    const groups = new Map<ValueGroup, ValueGroup>();
    const copyOf = (group: ValueGroup): ValueGroup => {
      const twin = [...groups].find(([inner]) => inner.same(group))?.[1] ?? new ValueGroup(group.origins);
      groups.set(group, twin);
      return twin;
    };
    const list = columns.list.map((column, i) => ({ ...column, name: newNames[i] ?? column.name, group: copyOf(column.group) }));
    return new ColumnScope([{ ...columns, alias, list }], []);
  }

  beside(other: ColumnScope): ColumnScope {
    return new ColumnScope([...this.tables, ...other.tables], [...this.merged, ...other.merged], this.outer);
  }

  /** The same inside another scope, whose columns it can name where its own do not hide them. */
  within(outer: ColumnScope): ColumnScope {
    return new ColumnScope(this.tables, this.merged, outer);
  }

  /** The same with columns that USING made of two. */
  merging(columns: readonly Column[]): ColumnScope {
    const names = columns.map(({ name }) => name);
    return new ColumnScope(this.tables, [...columns, ...this.merged.filter(({ name }) => !names.includes(name))], this.outer);
  }

  /** All columns in the order of `*`. */
  get all(): Columns {
    const names = this.merged.map(({ name }) => name);
    const rest = this.tables.flatMap(({ list }) => list.filter(({ name }) => !names.includes(name)));
    const complete = this.tables.every((table) => table.complete);
    const unlisted = (name: string): Sources => union(this.tables.map((table) => table.unlisted?.(name) ?? NONE));
    return { list: [...this.merged, ...rest], complete, ...(complete ? {} : { unlisted }) };
  }

  /** All columns of `alias.*`. */
  allOf(alias: string): Columns | undefined {
    return this.tables.find((table) => table.alias === alias);
  }

  /** The column that an expression is, when it is a column of this scope and nothing else. */
  resolve(expression: unknown): Column | undefined {
    const [first, second, ...more] = columnFields(expression) ?? [];
    if (first === undefined || first === '*' || more.length > 0) return undefined;
    return second === undefined ? this.named(first) : this.allOf(first)?.list.find(({ name }) => name === second);
  }

  named(name: string): Column | undefined {
    return [...this.merged, ...this.tables.flatMap(({ list }) => list)].find((column) => column.name === name);
  }

  /** What a name comes from, as columnFields gives it: a column, or the row of a table; of the nearest scope that has it. */
  sourcesOf(fields: readonly string[]): Sources {
    const [first, second] = fields;
    if (first === undefined || first === '*') return NONE;
    return second === undefined ? this.sourcesOfName(first) : this.sourcesOfField(first, second);
  }

  /** After an outer join: columns that may hold nulls of the join's own making are nobody's plain columns. */
  forgetOrigins(): void {
    for (const column of [...this.merged, ...this.tables.flatMap(({ list }) => list)]) column.group = new ValueGroup();
  }

  private sourcesOfName(name: string): Sources {
    for (const scope of this.outwards()) {
      const column = scope.named(name);
      if (column !== undefined) return column.from;
      const { unlisted } = scope.all;
      if (unlisted === undefined) continue;
      const row = scope.allOf(name);
      return row === undefined ? unlisted(name) : rowOf(row);
    }
    // PostgreSQL too takes a name for a row only when it is no column anywhere.
    const scope = this.outwards().find((level) => level.allOf(name) !== undefined);
    return scope === undefined ? NONE : rowOf(scope.allOf(name)!);
  }

  private sourcesOfField(alias: string, name: string): Sources {
    for (const scope of this.outwards()) {
      const table = scope.allOf(alias);
      if (table === undefined) continue;
      if (name === '*') return rowOf(table);
      return table.list.find((column) => column.name === name)?.from ?? table.unlisted?.(name) ?? NONE;
    }
    return this.sourcesOfName(name); // the alias of a USING
  }

  private outwards(): ColumnScope[] {
    return [this, ...(this.outer?.outwards() ?? [])];
  }
}

function rowOf({ list, unlisted }: Columns): Sources {
  return weaken(union([...list.map(({ from }) => from), unlisted?.('*') ?? NONE]), 'computed');
}
