import type { Model, Place, Retention, Source, Warning } from '../dataset.js';
import { didYouMean } from '../nearest-name.js';
import { Problems } from '../problem.js';
import { placeInQuery } from '../rendered-query.js';
import type { WrittenRetention } from './read-retention.js';

type Retained = Pick<Model, 'relation'> & { readonly retention?: Retention };

/**
 * Gives sources and models the retention that dataset.yml names them with, and checks that nothing which stays is
 * computed anew from what is left of a table: gold keeps its rows when the silver months behind them go.
 * @returns the same sources and models, and what is doubtful but not wrong
 */
export function applyRetention(
  written: readonly WrittenRetention[],
  sources: readonly Source[],
  models: readonly Model[],
  problems: Problems,
): { sources: readonly Source[]; models: readonly Model[]; warnings: readonly Warning[] } {
  if (written.length === 0) return { sources, models, warnings: [] };
  const known = [...sources, ...models].map(({ relation }) => relation);
  const warnings = new Problems();
  for (const { relation, archive } of written) {
    const { value, place } = relation;
    if (!known.includes(value)) {
      problems.add(place, `retention names ${value}, which is no source and no model of this dataset${didYouMean(value, known)}`);
      continue;
    }
    const model = models.find((one) => one.relation === value);
    if (model === undefined) {
      checkSource(value, models, place, problems, warnings);
      continue;
    }
    if (archive?.value === 'required') problems.add(archive.place, `archive is for sources: ${value} is made of their lines, and can be made of them again`);
    checkModel(model, models, place, problems, warnings);
  }
  const of = new Map(written.map(({ relation, retention }) => [relation.value, retention]));
  const withRetention = <T extends Retained>(owner: T): T => (of.has(owner.relation) ? { ...owner, retention: of.get(owner.relation) } : owner);
  return { sources: sources.map(withRetention), models: models.map(withRetention), warnings: warnings.list };
}

/** Models that would compute rows anew from what is left of a source, and so lose what dropped lines gave them. */
export function recomputedFrom(source: string, models: readonly Model[]): readonly Model[] {
  return models.filter(({ strategy, incrementOn }) => strategy === 'delete+insert' && incrementOn.includes(source));
}

function checkSource(source: string, models: readonly Model[], place: Place, problems: Problems, warnings: Problems): void {
  for (const { relation } of recomputedFrom(source, models)) {
    problems.add(place, `${relation} computes each touch_key anew from all that is left of ${source}, so it would lose what dropped lines gave: let it read a model that keeps what it needs of them`);
  }
  for (const reader of models) if (reader.materialized !== 'view' && !reader.incrementOn.includes(source)) warnWhoShowsTheRest(reader, source, models, warnings);
}

function checkModel(model: Model, models: readonly Model[], place: Place, problems: Problems, warnings: Problems): void {
  const { relation, partitionBy, strategy } = model;
  if (relation.startsWith('gold.')) return problems.add(place, `retention is for sources and silver models; gold stays`);
  if (partitionBy === undefined) return problems.add(place, `retention drops whole months, and ${relation} has none: give its header \`partition_by\``);
  if (strategy !== 'append' && strategy !== 'merge') {
    return problems.add(place, `retention is for sources and for append and merge models: a row of ${relation} (${strategy}) that is gone would come back in part with a late line`);
  }
  const { column } = partitionBy;
  for (const reader of models) {
    if (!readsThroughViews(reader, relation, models) || reader.materialized === 'view') continue;
    if (reader.strategy === 'delete+insert' && reader.incrementOn.includes(relation)) {
      if (reader.touchKey.some(({ from }) => from[relation] === column)) continue;
      problems.add(place, `${reader.relation} computes each touch_key anew from all that is left of ${relation}, so it would lose what a dropped month gave: its touch_key must contain ${column}, by which ${relation} is partitioned`);
    } else if (!reader.incrementOn.includes(relation)) warnWhoShowsTheRest(reader, relation, models, warnings);
  }
}

function warnWhoShowsTheRest(reader: Model, relation: string, models: readonly Model[], warnings: Problems): void {
  if (!readsThroughViews(reader, relation, models)) return;
  const mention = reader.query.mentions.find((one) => one.relation === relation) ?? reader.query.mentions[0];
  warnings.add(placeInQuery(reader.query, mention?.start ?? 0), `${reader.relation} reads all that is kept of ${relation}: what its retention drops is missing here from then on`);
}

function readsThroughViews(reader: Model, relation: string, models: readonly Model[]): boolean {
  return reader.query.mentions.some((mention) => {
    if (mention.relation === relation) return true;
    const view = models.find((model) => model.relation === mention.relation && model.materialized === 'view');
    return view !== undefined && readsThroughViews(view, relation, models);
  });
}
