import { parseSelect, trimStatement, withRelations, type Dataset, type Model, type Query } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { AppliedModel } from '../applied-code.js';
import { kindOf } from '../catalog.js';
import { failureOf, RunFailure } from '../run-failure.js';
import { bigintLiteral, columnList, columnName, relationName } from '../sql-names.js';
import { wrapQuery } from '../strategies/wrapped-query.js';
import type { Decision } from './decide.js';
import { look } from './look.js';
import { compareTables, type SampleDifference } from './sample-difference.js';
import { isPoison, MOST_GUILTY, withoutGuilty } from './sample-guilty.js';
import { makeSeedShadows } from './seed-shadows.js';
import { inArea, relationIn, schemaIn, type Area } from './shadow-dataset.js';

export interface SampleOptions {
  /** The newest lines of each source that are computed, about. */
  readonly rows?: number;
  readonly backfill?: boolean;
}

const SAMPLE_ROWS = 10_000;

/**
 * Computes every model that changes from the newest lines twice, by the applied files and by those of now, in a
 * transaction that is rolled back, and compares the two: what apply would make of these lines, row by row. Whole live
 * tables would differ from any sample by the lines it leaves out.
 * @returns the models that change, in graph order; none as long as nothing was applied
 * @throws RunFailure when the SELECT of a model fails on a row of the sample that a run would not put aside
 */
export async function sampleChanges(client: Client | Connection, dataset: Dataset, options: SampleOptions = {}): Promise<SampleDifference[]> {
  const looked = await look(client, dataset, { rebuild: new Set(), backfill: options.backfill ?? true });
  const changed = looked.decisions.filter(({ fate }) => fate.kind !== 'same');
  if (changed.length === 0 || looked.state === undefined) return [];
  await client.query('begin');
  try {
    const sample = new Sample(client, dataset, changed);
    await sample.takeLines(options.rows ?? SAMPLE_ROWS, looked.state.seen.xmax);
    await sample.loadSeeds(looked.seeds);
    await sample.computeBefore();
    await sample.computeAfter();
    return await sample.compare();
  } finally {
    await client.query('rollback').catch(() => undefined);
  }
}

class Sample {
  private readonly before: Area;
  private readonly after: Area;
  /** By relation: where its rows of the sample stand, as the applied files make them. */
  private readonly placesBefore = new Map<string, string>();
  private readonly placesAfter = new Map<string, string>();
  /** By the table of a sample: how many input rows are left out, as a run would put them aside. */
  private readonly guilty = new Map<string, number>();
  private readonly changed: ReadonlyMap<string, Decision>;
  /** Changed models and all that their rows are made of; what they only look up is read as it stands. */
  private readonly computed: ReadonlySet<string>;

  constructor(
    private readonly client: Client | Connection,
    private readonly dataset: Dataset,
    changed: readonly Decision[],
  ) {
    this.before = { prefix: `ingot_sample_${dataset.name}_before` };
    this.after = { prefix: `ingot_sample_${dataset.name}_after` };
    this.changed = new Map(changed.map((decision) => [decision.model.relation, decision]));
    this.computed = madeOf(dataset, changed.map(({ model }) => model));
  }

  /** @param end the watermark: what no run has taken is left out */
  async takeLines(rows: number, end: bigint): Promise<void> {
    for (const area of [this.before, this.after]) {
      for (const schema of ['bronze', 'silver', 'gold', 'seeds']) await this.client.query(`create schema ${columnName(schemaIn(area, schema))}`);
    }
    for (const { relation } of this.dataset.sources) {
      const place = relationIn(this.before, relation);
      await this.client.query(`create table ${relationName(place)} as ${(await kindOf(this.client, relation)) === undefined ? noLines() : await this.newest(relation, rows, end)}`);
      this.placesBefore.set(relation, place);
      this.placesAfter.set(relation, place);
    }
  }

  /** Seeds as their files are now; by the applied files they are what was loaded. */
  async loadSeeds(changed: readonly string[]): Promise<void> {
    await makeSeedShadows(this.client, inArea(this.dataset, new Set(changed), this.after), changed.map((seed) => relationIn(this.after, seed)));
    for (const seed of changed) this.placesAfter.set(seed, relationIn(this.after, seed));
  }

  /** By files as applied: every changed model that was there, and what it is computed from. */
  async computeBefore(): Promise<void> {
    const pending = new Set<string>();
    const make = async (relation: string): Promise<void> => {
      const model = this.dataset.models.find((one) => one.relation === relation);
      if (model === undefined || this.placesBefore.has(relation) || pending.has(relation)) return;
      const query = this.queryBefore(model);
      if (query === undefined) return;
      pending.add(relation);
      for (const mention of query.mentions) if (this.computed.has(mention.relation)) await make(mention.relation);
      await this.compute(model, query, this.before, this.placesBefore);
    };
    for (const relation of this.computed) await make(relation);
  }

  async computeAfter(): Promise<void> {
    for (const model of this.dataset.models) {
      if (!this.computed.has(model.relation)) continue;
      if (this.changed.has(model.relation)) await this.compute(model, model.query, this.after, this.placesAfter);
      else this.placesAfter.set(model.relation, this.placesBefore.get(model.relation)!);
    }
  }

  async compare(): Promise<SampleDifference[]> {
    const found: SampleDifference[] = [];
    for (const { model } of this.changed.values()) {
      const after = this.placesAfter.get(model.relation)!;
      const before = this.placesBefore.get(model.relation);
      const failing = { failingBefore: this.guilty.get(before ?? '') ?? 0, failingAfter: this.guilty.get(after) ?? 0 };
      found.push({ relation: model.relation, ...failing, ...(await compareTables(this.client, before, after, model.uniqueKey)) });
    }
    return found;
  }

  private queryBefore(model: Model): Query | undefined {
    const decision = this.changed.get(model.relation);
    return decision === undefined || !decision.codeChanged ? model.query : appliedQuery(model, decision.before);
  }

  private async compute(model: Model, query: Query, area: Area, places: Map<string, string>): Promise<void> {
    const place = relationIn(area, model.relation);
    const [input] = model.incrementOn;
    const standsAt = input === undefined ? undefined : places.get(input);
    const [before, after] = model.strategy === 'merge' ? lastOfEachKey(model) : ['', ''];
    const statementOver = (start: string, inputRows?: string) => {
      const rendered = withRelations(query, ({ relation }) => {
        const stands = places.get(relation);
        return stands === undefined ? undefined : relation === input && inputRows !== undefined ? inputRows : relationName(stands);
      });
      return wrapQuery(`${start}${before}`, rendered, after);
    };
    const create = async (inputRows?: string): Promise<void> => {
      const statement = statementOver(`create table ${relationName(place)} as `, inputRows);
      await this.client.query('savepoint whole');
      try {
        await this.client.query(statement.text);
      } catch (error) {
        throw failureOf({ ...model, query }, { ...statement, incrementOnly: false }, error);
      }
    };
    try {
      await create();
    } catch (error) {
      if (!(error instanceof RunFailure) || !isPoison(model, error.cause) || standsAt === undefined) throw error;
      await this.client.query('rollback to savepoint whole');
      const rest = await withoutGuilty(this.client, model, relationName(standsAt), (rows) => statementOver('', rows).text);
      if (rest === undefined) throw new RunFailure(error.model, error.place, `${error.reason}; more than ${MOST_GUILTY} rows of the sample fail`, error.sqlState, error.cause);
      this.guilty.set(place, rest.guilty);
      await create(rest.rows);
    }
    places.set(model.relation, place);
  }

  /** The newest lines: ranges of transaction ids below the watermark, wider until they hold enough. */
  private async newest(relation: string, rows: number, end: bigint): Promise<string> {
    await this.client.query('set local enable_seqscan = off');
    let from = end;
    for (let width = 1_000n; from > 0n; width *= 4n) {
      from = end > width ? end - width : 0n;
      const counted = await this.client.query<{ enough: boolean }>(`select count(*) >= $1 as enough from (select from ${relationName(relation)} where ingest_xid >= ${bigintLiteral(from)} and ingest_xid < ${bigintLiteral(end)} limit ${rows}) as newest`, [rows]);
      if (counted.rows[0]?.enough) break;
    }
    await this.client.query('set local enable_seqscan = on');
    return `select * from ${relationName(relation)} where ingest_xid >= ${bigintLiteral(from)} and ingest_xid < ${bigintLiteral(end)} order by ingest_xid desc, id desc limit ${rows}`;
  }
}

function madeOf(dataset: Dataset, changed: readonly Model[]): Set<string> {
  const found = new Set<string>();
  const add = (model: Model): void => {
    if (found.has(model.relation)) return;
    found.add(model.relation);
    const inputs = model.incrementOn.length > 0 ? model.incrementOn : model.query.mentions.map(({ relation }) => relation);
    for (const input of dataset.models) if (inputs.includes(input.relation)) add(input);
  };
  changed.forEach(add);
  return found;
}

function noLines(): string {
  return `select null::bigint as id, null::timestamptz as received_at, null::bigint as ingest_xid, null::text as device, null::text as "precision", null::text as line limit 0`;
}

function appliedQuery(model: Model, before: AppliedModel | undefined): Query | undefined {
  const fileText = before?.text;
  const range = fileText === undefined ? undefined : trimStatement(fileText);
  if (fileText === undefined || range === undefined) return undefined;
  const text = fileText.slice(range.start, range.end);
  return { text, file: model.file, offset: range.start, fileText, mentions: parseSelect(text).mentions };
}

/** What stands around a SELECT for what merge keeps: of the rows of one key the last by `order_by`, else the one that came last. */
function lastOfEachKey({ uniqueKey, orderBy }: Model): [before: string, after: string] {
  const order = orderBy.length === 0 ? 'arrival desc' : orderBy.map(({ column, descending }) => `${columnName(column)} ${descending ? 'asc nulls first' : 'desc nulls last'}`).join(', ');
  return [
    `select distinct on (${columnList(uniqueKey)}) * from (select q.*, row_number() over () as arrival from (`,
    `\n) as q) as q order by ${columnList(uniqueKey)}, ${order}`,
  ];
}

