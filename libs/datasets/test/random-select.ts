/** A table of the queries, with integer columns. */
const BASE: Readonly<Record<string, readonly string[]>> = { 's.a': ['k', 'g', 'v', 't'], 's.b': ['k', 'h', 'w'] };
const NAMES = ['k', 'g', 'v', 'w', 'x', 'y'];

interface Item {
  readonly alias: string;
  readonly columns: readonly string[];
}

/** A valid SELECT over s.a and s.b that PostgreSQL accepts, the same for the same seed: every column is an integer. */
export function randomSelect(seed: number): string {
  return new Writer(seed).select(3, [], new Map()).text;
}

class Writer {
  private state: number;
  private aliases = 0;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** @param outer what a correlated part can name */
  select(depth: number, outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>, width = this.below(3) + 1): { text: string; columns: string[] } {
    if (depth > 0 && this.chance(0.2)) return this.withQuery(depth, outer, withQueries, width);
    if (depth > 0 && this.chance(0.15)) return this.setOperation(depth, outer, withQueries, width);
    const { text: from, items } = this.from(depth, outer, withQueries);
    const names = this.shuffled(NAMES).slice(0, width);
    const where = this.chance(0.5) ? ` where ${this.condition(depth, items, outer, withQueries)}` : '';
    const shape = this.below(5);
    if (shape === 0) {
      const keys = names.map(() => this.column(items, []));
      const outputs = names.map((name, i) => `${i === 0 ? keys[0]! : this.pick([`sum(${this.column(items, [])})::int`, `max(${this.column(items, [])}) filter (where ${this.column(items, [])} > 1)`, `count(*)::int`])} as ${name}`);
      return { text: `select ${outputs.join(', ')} from ${from}${where} group by ${keys[0]!}${this.chance(0.3) ? ` having max(${this.column(items, [])}) > 1` : ''}`, columns: names };
    }
    const outputs = names.map((name) => `${this.expression(depth, items, outer, withQueries)} as ${name}`);
    const distinct = shape === 1 ? 'distinct ' : '';
    return { text: `select ${distinct}${outputs.join(', ')} from ${from}${where}`, columns: names };
  }

  private withQuery(depth: number, outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>, width: number): { text: string; columns: string[] } {
    const name = this.pick(['a', 'b', 'q']); // also the names of tables, which it must not hide
    const inner = this.select(depth - 1, outer, withQueries);
    const renamed = this.chance(0.3) ? inner.columns.map((_, i) => `z${i}`) : undefined;
    const rest = this.select(depth - 1, outer, new Map(withQueries).set(name, renamed ?? inner.columns), width);
    return { text: `with ${name}${renamed === undefined ? '' : `(${renamed.join(', ')})`} as (${inner.text}) ${rest.text.startsWith('with') ? `select * from (${rest.text}) ${this.alias()}` : rest.text}`, columns: rest.columns };
  }

  private setOperation(depth: number, outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>, width: number): { text: string; columns: string[] } {
    const [left, right] = [this.select(depth - 1, outer, withQueries, width), this.select(depth - 1, outer, withQueries, width)];
    return { text: `(${left.text}) ${this.pick(['union all', 'union', 'except', 'intersect all'])} (${right.text})`, columns: left.columns };
  }

  private from(depth: number, outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>): { text: string; items: Item[] } {
    const first = this.item(depth, outer, withQueries);
    if (depth === 0 || this.chance(0.45)) return { text: first.text, items: [first.item] };
    const lateral = this.chance(0.3);
    const second = lateral ? this.derived('lateral ', depth, [first.item, ...outer], withQueries) : this.item(depth - 1, outer, withQueries);
    const items = [first.item, second.item];
    const kind = this.pick(lateral ? ['join', 'left join'] : ['join', 'left join', 'right join', 'full join']);
    const shared = first.item.columns.filter((name) => second.item.columns.includes(name));
    if (shared.length > 0 && this.chance(0.4)) return { text: `${first.text} ${kind} ${second.text} using (${shared[0]!})`, items };
    if (kind !== 'full join' && this.chance(0.2) && !lateral) return { text: `${first.text}, ${second.text}`, items };
    return { text: `${first.text} ${kind} ${second.text} on ${items.map(({ alias, columns }) => `${alias}.${this.pick(columns)}`).join(' = ')}`, items };
  }

  private item(depth: number, outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>): { text: string; item: Item } {
    const alias = this.alias();
    if (withQueries.size > 0 && this.chance(0.4)) {
      const [name, columns] = this.pick([...withQueries]);
      return { text: `${name} ${alias}`, item: { alias, columns } };
    }
    if (depth > 0 && this.chance(0.4)) return this.derived('', depth, outer, withQueries);
    const [name, columns] = this.pick(Object.entries(BASE));
    const renamed = this.chance(0.2) ? ['p', 'q'] : [];
    return { text: `${name} ${alias}${renamed.length > 0 ? `(${renamed.join(', ')})` : ''}`, item: { alias, columns: columns.map((column, i) => renamed[i] ?? column) } };
  }

  private derived(lateral: string, depth: number, outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>): { text: string; item: Item } {
    const alias = this.alias();
    const { text, columns } = this.select(depth - 1, outer, withQueries);
    return { text: `${lateral}(${text}) ${alias}`, item: { alias, columns } };
  }

  private condition(depth: number, items: readonly Item[], outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>): string {
    if (depth > 0 && this.chance(0.3)) return `exists (${this.select(depth - 1, [...items, ...outer], withQueries).text})`;
    if (depth > 0 && this.chance(0.3)) return `${this.column(items, outer)} in (${this.select(depth - 1, [...items, ...outer], withQueries, 1).text})`;
    return `${this.column(items, outer)} ${this.pick(['>', '<=', '=', 'is distinct from'])} ${this.pick([String(this.below(4)), this.column(items, outer)])}`;
  }

  private expression(depth: number, items: readonly Item[], outer: readonly Item[], withQueries: ReadonlyMap<string, readonly string[]>): string {
    const column = (): string => this.column(items, outer);
    switch (this.below(9)) {
      case 0:
        return `${column()} + ${column()}`;
      case 1:
        return `coalesce(${column()}, ${column()}, 7)`;
      case 2:
        return `case when ${column()} > 1 then ${column()} else ${column()} end`;
      case 3:
        return `(sum(${column()}) over (partition by ${this.column(items, [])}))::int`;
      case 4: {
        if (depth === 0) return column();
        const [alias, inner] = [this.alias(), this.select(depth - 1, [...items, ...outer], withQueries, 1)];
        return `(select max(${alias}.${inner.columns[0]!}) from (${inner.text}) ${alias})`;
      }
      case 5:
        return depth === 0 ? column() : `array_length(array(${this.select(depth - 1, [...items, ...outer], withQueries, 1).text}), 1)`;
      default:
        return column();
    }
  }

  /** With its table, or without where no other has the name. */
  private column(items: readonly Item[], outer: readonly Item[]): string {
    const item = this.pick(outer.length > 0 && this.chance(0.3) ? outer : items);
    const name = this.pick(item.columns);
    const all = [...items, ...outer];
    const isPlain = all.filter(({ columns }) => columns.includes(name)).length === 1;
    return isPlain && this.chance(0.4) ? name : `${item.alias}.${name}`;
  }

  private alias(): string {
    return `t${++this.aliases}`;
  }

  private shuffled<T>(values: readonly T[]): T[] {
    return values.map((value) => [this.next(), value] as const).sort(([a], [b]) => a - b).map(([, value]) => value);
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  private below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  private chance(share: number): boolean {
    return this.next() < share;
  }

  /** mulberry32 (public domain, Tommy Ettinger). */
  private next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
