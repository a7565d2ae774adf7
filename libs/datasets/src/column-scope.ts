import type { RelationItem } from './query-block.js';
import { columnFields } from './syntax-tree.js';

/** Which mention's own column a value is. */
export type Origins = ReadonlyMap<RelationItem, string>;

/**
 * A value that one or more columns hold in every row. `origins` are the tracked mentions whose own column is that
 * value: a row of such a mention shows in no row that has another value here. Groups that turn out equal are joined.
 */
export class ValueGroup {
  private joined?: ValueGroup;
  private own: Origins;

  constructor(origins: Origins = new Map()) {
    this.own = origins;
  }

  get origins(): Origins {
    return this.root.own;
  }

  same(other: ValueGroup): boolean {
    return this.root === other.root;
  }

  /** Both are one value from now on. */
  unite(other: ValueGroup): void {
    this.add(other.origins);
    if (!this.same(other)) other.root.joined = this.root;
  }

  add(origins: Origins): void {
    this.root.own = new Map([...this.root.own, ...origins]);
  }

  private get root(): ValueGroup {
    return this.joined === undefined ? this : this.joined.root;
  }
}

export interface Column {
  readonly name: string;
  /** As the parser spells it (`float8`, `timestamptz`); undefined when no file says it. */
  readonly dataType?: string;
  group: ValueGroup;
}

/** The columns something gives; undefined is one without a name. `complete` is false when only a database knows some. */
export interface Columns {
  readonly list: readonly (Column | undefined)[];
  readonly complete: boolean;
}

interface Table extends Columns {
  readonly alias: string | undefined;
}

/** What the expressions of one SELECT can name: its tables by alias, and the columns that USING merged. */
export class ColumnScope {
  private constructor(private readonly tables: readonly Table[], private readonly merged: readonly Column[]) {}

  static readonly empty = new ColumnScope([], []);

  /** One table; its columns are copies, so that what an outer SELECT says of them says nothing of the inner one. */
  static table(alias: string | undefined, columns: Columns, newNames: readonly string[] = []): ColumnScope {
    const groups = new Map<ValueGroup, ValueGroup>();
    const copyOf = (group: ValueGroup): ValueGroup => {
      const twin = [...groups].find(([inner]) => inner.same(group))?.[1] ?? new ValueGroup(group.origins);
      groups.set(group, twin);
      return twin;
    };
    const list = columns.list.map((column, i) => {
      const name = newNames[i] ?? column?.name;
      return name === undefined ? undefined : { ...column, name, group: column === undefined ? new ValueGroup() : copyOf(column.group) };
    });
    return new ColumnScope([{ alias, list, complete: columns.complete }], []);
  }

  beside(other: ColumnScope): ColumnScope {
    return new ColumnScope([...this.tables, ...other.tables], [...this.merged, ...other.merged]);
  }

  /** The same with columns that USING made of two. */
  merging(columns: readonly Column[]): ColumnScope {
    const names = columns.map(({ name }) => name);
    return new ColumnScope(this.tables, [...columns, ...this.merged.filter(({ name }) => !names.includes(name))]);
  }

  /** All columns in the order of `*`. */
  get all(): Columns {
    const names = this.merged.map(({ name }) => name);
    const rest = this.tables.flatMap(({ list }) => list.filter((column) => column === undefined || !names.includes(column.name)));
    return { list: [...this.merged, ...rest], complete: this.tables.every(({ complete }) => complete) };
  }

  /** All columns of `alias.*`. */
  allOf(alias: string): Columns | undefined {
    return this.tables.find((table) => table.alias === alias);
  }

  /** The column that an expression is, when it is a column of this scope and nothing else. */
  resolve(expression: unknown): Column | undefined {
    const [first, second, ...more] = columnFields(expression) ?? [];
    if (first === undefined || first === '*' || more.length > 0) return undefined;
    return second === undefined ? this.named(first) : this.allOf(first)?.list.find((column) => column?.name === second);
  }

  named(name: string): Column | undefined {
    const inTables = (): (Column | undefined)[] => this.tables.flatMap(({ list }) => list.filter((column) => column?.name === name));
    return this.merged.find((column) => column.name === name) ?? inTables()[0];
  }

  /** After an outer join: columns that may hold nulls of the join's own making are nobody's plain columns. */
  forgetOrigins(): void {
    for (const column of [...this.merged, ...this.tables.flatMap(({ list }) => list)]) if (column !== undefined) column.group = new ValueGroup();
  }
}
