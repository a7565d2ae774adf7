import type { Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Plan } from '../plan.js';

/** A condition of ingot.quarantine that the partial index serves: entries the next run takes in. $1 = dataset. */
export const TO_REPLAY = 'dataset = $1 and replay';

/** Ids of entries by model. */
export type Replays = ReadonlyMap<string, readonly string[]>;

/**
 * The entries that a run takes in, oldest first, by model. A request that no step can serve any more, as the model is
 * gone or reads another input, is dropped: the entry stays.
 * @param maxRows entries at most; the rest waits for the next run
 */
export async function takeReplays(client: Client | Connection, plan: Plan, maxRows: number): Promise<Replays> {
  const { rows } = await client.query<{ id: string; model: string; input: string }>(`select id, model, input from ingot.quarantine where ${TO_REPLAY} order by id limit $2`, [plan.dataset.name, maxRows]);
  const taken = new Map<string, string[]>();
  if (rows.length === 0) return taken;
  const inputs = new Map(plan.steps.flatMap(({ model, rowWise }) => (rowWise === undefined ? [] : [[model.relation, rowWise.input]])));
  const refused: string[] = [];
  for (const { id, model, input } of rows) {
    if (inputs.get(model) !== input) {
      refused.push(id);
      continue;
    }
    const ids = taken.get(model) ?? [];
    ids.push(id);
    taken.set(model, ids);
  }
  if (refused.length > 0) await client.query('update ingot.quarantine set replay = false where id = any($1)', [refused]);
  return taken;
}

/** Entries that made a run fail stay, and are not asked for any more. Returns those that are taken instead: none. */
export async function refuseReplays(client: Client | Connection, replays: Replays, reason: string): Promise<Replays> {
  await client.query('update ingot.quarantine set replay = false, attempts = attempts + 1, at = now(), message = $2 where id = any($1)', [
    [...replays.values()].flat(),
    `failed the run that replayed it: ${reason.slice(0, LONGEST_REASON)}`,
  ]);
  return new Map();
}

const LONGEST_REASON = 1_000;

/** Which entries are meant: some by number, those of a model, or all of the dataset. */
export type Entries = { readonly ids: readonly number[] } | { readonly model: string } | 'all';

export interface Requested {
  readonly requested: number;
  /** Entries of a model that is gone, or that reads another input now. */
  readonly refused: readonly { readonly id: number; readonly model: string; readonly input: string }[];
}

/**
 * Asks the next run to take entries in again as new rows. Whoever runs the dataset sees the request by its probe.
 * Entries that are asked for already count as requested.
 */
export async function requestReplay(client: Client | Connection, dataset: Dataset, entries: Entries): Promise<Requested> {
  const rowWise = dataset.models.filter(({ strategy }) => strategy === 'append' || strategy === 'merge');
  const inputs = rowWise.map(({ incrementOn }) => incrementOn[0] ?? '');
  const { rows } = await client.query<Requested>(
    `with meant as (
       select id, model, input, exists (select from unnest($2::text[], $3::text[]) as m (relation, input) where m.relation = e.model and m.input = e.input) as served
       from ingot.quarantine as e
       where dataset = $1 and ($4::bigint[] is null or id = any($4)) and ($5::text is null or model = $5)
     ), asked as (update ingot.quarantine as e set replay = true from meant where meant.id = e.id and served and not e.replay)
     select count(*) filter (where served)::int as requested,
       coalesce(json_agg(json_build_object('id', id, 'model', model, 'input', input) order by id) filter (where not served), '[]') as refused
     from meant`,
    [dataset.name, rowWise.map(({ relation }) => relation), inputs, entries !== 'all' && 'ids' in entries ? entries.ids : null, entries !== 'all' && 'model' in entries ? entries.model : null],
  );
  return rows[0]!;
}
