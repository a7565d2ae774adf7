import type { Given, Model, Seed, UnitIncrement, UnitRow, UnitTest } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Increment } from '../increment.js';
import type { Plan } from '../plan.js';
import { bigintLiteral, columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import type { StandIns } from './stand-ins.js';
import { columnTypes, comparable, hasCells, insertRows, UnitTestError, type ColumnTypes } from './typed-rows.js';

const INGEST_XID = 'ingest_xid';

/** Puts the rows of a unit test into the stand-ins of its inputs, and tells the engine of them as a run would. */
export class GivenRows {
  private readonly types = new Map<string, ColumnTypes>();
  /** Bronze rows of all sources count together, as bronze.raw_id does. */
  private lines = 0;

  constructor(
    private readonly client: Client | Connection,
    private readonly standIns: StandIns,
    private readonly plan: Plan,
    private readonly model: Model,
  ) {}

  /** What is there before the first increment: the rows of `this`, and those of seeds that the test does not give. */
  async before(test: UnitTest, seeds: readonly Seed[]): Promise<void> {
    const given = test.increments.flatMap((increment) => increment.given);
    for (const seed of seeds) {
      if (given.some(({ relation }) => relation === seed.relation)) continue;
      if (!this.model.query.mentions.some(({ relation }) => relation === this.standIns.named(seed.relation))) continue;
      await this.insertSeed(seed);
    }
    const own = given.find(({ relation }) => relation === test.model);
    if (own !== undefined) await this.insert(this.model.relation, own.rows, 0);
  }

  /**
   * The rows of one increment.
   * @param number counts from 1; it is the run that writes them
   * @returns the increments of the inputs that the model reads by increment
   */
  async increment({ given }: UnitIncrement, number: number, test: UnitTest): Promise<Increment[]> {
    const increments = new Map(this.model.incrementOn.map((relation) => [relation, this.nothing(relation)]));
    for (const entry of given) {
      const relation = this.standIns.named(entry.relation);
      if (entry.relation === test.model) continue;
      if (!increments.has(relation)) await this.replace(relation, entry, number);
      else increments.set(relation, await (this.isGrowing(relation) ? this.grow(relation, entry, number) : this.change(relation, entry, number)));
    }
    return [...increments.values()];
  }

  private nothing(relation: string): Increment {
    const changed = this.changedTable(relation)?.name;
    if (this.isGrowing(relation)) return { kind: 'growing', relation, where: 'false', rows: 0 };
    return { kind: 'changing', relation, rows: 0, ...(changed === undefined ? {} : { changed }) };
  }

  private async grow(relation: string, { rows }: Given, number: number): Promise<Increment> {
    await this.insert(relation, rows, number);
    const mark = this.isSource(relation) ? INGEST_XID : RUN_ID;
    return { kind: 'growing', relation, where: `${columnName(mark)} = ${bigintLiteral(BigInt(number))}`, rows: rows.length };
  }

  /** New rows and new versions of rows; the engine learns of the keys from before and after, as from a run's step. */
  private async change(relation: string, given: Given, number: number): Promise<Increment> {
    let rows = 0;
    for (const removed of given.removed) rows += await this.remove(relation, removed);
    await this.insert(relation, given.rows, number);
    rows += given.rows.length + (await this.removeOldVersions(relation, given, number));
    const changed = this.changedTable(relation);
    if (changed === undefined) return { kind: 'changing', relation, rows };
    const columns = columnList(changed.columns);
    await this.client.query(`insert into ${changed.name} (${columns}) select ${columns} from ${relationName(relation)} where ${columnName(RUN_ID)} = ${bigintLiteral(BigInt(number))}`);
    return { kind: 'changing', relation, rows, changed: changed.name };
  }

  private async removeOldVersions(relation: string, { place }: Given, number: number): Promise<number> {
    const key = this.modelOf(relation)?.uniqueKey ?? [];
    if (key.length === 0) return 0;
    const types = await this.typesOf(relation);
    const same = key.map((column) => `${comparable(`old.${columnName(column)}`, types.get(column)!)} is not distinct from ${comparable(`new.${columnName(column)}`, types.get(column)!)}`).join(' and ');
    const table = relationName(relation);
    const isNew = (alias: string): string => `${alias}.${columnName(RUN_ID)} = ${bigintLiteral(BigInt(number))}`;
    const twice = await this.client.query(`select from ${table} as old join ${table} as new on ${same} and old.ctid < new.ctid where ${isNew('old')} and ${isNew('new')} limit 1`);
    if (twice.rowCount !== 0) throw new UnitTestError(place, `two rows of one increment have the same ${key.join(', ')}, the unique_key of ${this.standIns.original(relation)}`);
    return this.deleteInto(relation, `old using ${table} as new where ${same} and ${isNew('new')} and not ${isNew('old')}`);
  }

  private async remove(relation: string, row: UnitRow): Promise<number> {
    const values: unknown[] = [];
    const condition = hasCells(row, await this.typesOf(relation), values, 'old');
    const removed = await this.deleteInto(relation, `old where ${condition}`, values);
    if (removed === 0) throw new UnitTestError(row.place, `${this.standIns.original(relation)} holds no such row to remove`);
    return removed;
  }

  /** Deletes rows; what they held in the columns that others go by is noted as changed. */
  private async deleteInto(relation: string, rest: string, values: unknown[] = []): Promise<number> {
    const remove = `delete from ${relationName(relation)} as ${rest}`;
    const changed = this.changedTable(relation);
    const text = changed === undefined ? remove : `with gone as (${remove} returning ${columnList(changed.columns, 'old')}) insert into ${changed.name} (${columnList(changed.columns)}) select ${columnList(changed.columns)} from gone`;
    return (await this.client.query(text, values)).rowCount ?? 0;
  }

  /** A lookup holds what was given last. */
  private async replace(relation: string, { rows }: Given, number: number): Promise<void> {
    await this.client.query(`delete from ${relationName(relation)}`);
    await this.insert(relation, rows, number);
  }

  private async insert(relation: string, rows: readonly UnitRow[], number: number): Promise<void> {
    const types = await this.typesOf(relation);
    const every = (value: string): string[] => rows.map(() => value);
    const filled = new Map<string, readonly string[]>();
    if (this.isSource(relation)) {
      filled.set('id', rows.map(() => String(++this.lines))).set('received_at', every('now')).set(INGEST_XID, every(String(number)));
    } else if (types.has(RUN_ID)) filled.set(RUN_ID, every(String(number)));
    await insertRows(this.client, relation, types, rows, filled);
  }

  private async insertSeed({ relation, columns, rows }: Seed): Promise<void> {
    const place = { file: '', line: 1, column: 1 };
    const cells = rows.map((row) => ({ place, cells: new Map(columns.map(({ name }, i) => [name, { value: row[i] ?? null, place }])) }));
    await this.insert(this.standIns.named(relation), cells, 0);
  }

  private changedTable(relation: string): Plan['steps'][number]['changed'] {
    return this.plan.steps.find(({ model }) => model.relation === relation)?.changed;
  }

  private isGrowing(relation: string): boolean {
    return this.isSource(relation) || this.modelOf(relation)?.strategy === 'append';
  }

  private isSource(relation: string): boolean {
    return this.plan.sources.includes(relation);
  }

  private modelOf(relation: string): Model | undefined {
    return this.standIns.dataset.models.find((model) => model.relation === relation);
  }

  private async typesOf(relation: string): Promise<ColumnTypes> {
    const known = this.types.get(relation) ?? (await columnTypes(this.client, relation));
    this.types.set(relation, known);
    return known;
  }
}
