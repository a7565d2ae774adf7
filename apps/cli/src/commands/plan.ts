import { planApply, sampleChanges, type ApplyPlan, type ModelPlan, type SampleDifference } from '@ingot/models';
import { Command, Option } from 'commander';
import { checkReadersOf } from '../backfill-options.js';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { countOption } from '../number-options.js';
import { paint, type Tone } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCount, formatCounted } from '../output/quantities.js';
import { formatRowDifferences } from '../output/row-differences.js';
import { formatTable } from '../output/table.js';
import { chooseRelations, modifiedRelations, withSelectors, type SelectorOptions } from '../selectors.js';

interface Options extends SelectorOptions {
  readonly dataset?: string;
  readonly backfill?: true;
  readonly dropHistory?: readonly string[];
  readonly sample?: true;
  readonly sampleRows?: number;
  readonly json?: true;
}

type Sampled = ApplyPlan & { readonly sample?: readonly SampleDifference[] };

const TONES: Partial<Record<ModelPlan['action'], Tone>> = { rebuild: 'warning', create: 'good', 'drop from graph': 'bad', nothing: 'quiet', adopt: 'quiet' };

export const planCommand = (io: Io): Command => withSelectors(new Command('plan'))
  .description('show what `ingot apply` is going to do, per model, and do none of it')
  .addOption(datasetOption())
  .option('--backfill', 'as `ingot apply --backfill`')
  .addOption(new Option('--drop-history <models...>', 'as `ingot apply --drop-history`'))
  .option('--sample', 'compute what changes from the newest lines by the applied files and by these, and show how the rows differ')
  .addOption(countOption('--sample-rows <n>', 'how many lines of each source').default(10_000))
  .addOption(jsonOption())
  .action((selectors: string[], options: Options) => withDatabase(io, { name: 'ingot plan', endpoints: true }, async (session) => {
    const { client, datasets } = session;
    const plans: Sampled[] = [];
    for (const dataset of chooseDatasets(datasets, options.dataset)) {
      const terms = { backfill: options.backfill ?? false, checkReaders: checkReadersOf(session, dataset.name), ...(options.dropHistory === undefined ? {} : { dropHistory: options.dropHistory }) };
      const plan = await planApply(client, dataset, terms);
      plans.push(options.sample ? { ...plan, sample: await sampleChanges(client, dataset, { rows: options.sampleRows }) } : plan);
    }
    const chosen = new Set(chooseRelations(datasets, selectors, options, modifiedRelations(plans)).relations);
    const isAll = selectors.length + (options.select?.length ?? 0) + (options.exclude?.length ?? 0) === 0;
    const shown = plans.map((plan) => onlyChosen(plan, (relation) => isAll || chosen.has(relation)));
    if (options.json) return writeJson(io, { datasets: shown });
    for (const plan of shown) io.out(formatPlan(io, plan));
  }));

function onlyChosen(plan: Sampled, isChosen: (relation: string) => boolean): Sampled {
  const sample = plan.sample === undefined ? {} : { sample: plan.sample.filter(({ relation }) => isChosen(relation)) };
  return { ...plan, models: plan.models.filter(({ relation }) => isChosen(relation)), seeds: plan.seeds.filter(isChosen), ...sample };
}

function formatPlan(io: Io, plan: Sampled): string {
  if (plan.isEmpty) return `${plan.dataset}: nothing to do, the database agrees with the files\n`;
  const busy = plan.models.filter(({ action }) => action !== 'nothing');
  const rows = plan.models.map((model) => [paint(io, TONES[model.action] ?? 'strong', model.action), model.relation, changeOf(model), model.reason, rowsOf(model)]);
  const columns = [{ title: 'action' }, { title: 'model' }, { title: 'file' }, { title: 'why' }, { title: 'rows to read', align: 'right' as const }];
  return [
    `${paint(io, 'strong', plan.dataset)}: ${formatCounted(busy.length, 'model')} of ${plan.models.length} to be worked on${plan.hasRun ? '' : '; nothing has run yet, so tables are just made'}\n`,
    rows.length === 0 ? '' : formatTable(io, columns, rows),
    ...(plan.seeds.length === 0 ? [] : [`seeds to be loaded: ${plan.seeds.join(', ')}\n`]),
    ...busy.flatMap(detailsOf),
    ...(plan.sample ?? []).map((difference) => formatSample(io, difference)),
  ].join('');
}

function changeOf({ change, headerKeys }: ModelPlan): string {
  return change === 'header' || change === 'description' ? `${change}: ${headerKeys.join(', ')}` : change;
}

function rowsOf({ backfill, backfillRows }: ModelPlan): string {
  if (backfill === undefined) return '';
  return `about ${formatCount(backfillRows ?? 0)}${backfill === 'chunks' ? ' in chunks' : ' at once'}`;
}

function detailsOf({ relation, columns, tests, note }: ModelPlan): string[] {
  const changes = columns.map(({ name, before, after }) => (before === undefined ? `+ ${name} ${after}` : after === undefined ? `- ${name} ${before}` : `~ ${name} ${before} -> ${after}`));
  return [
    ...(changes.length === 0 ? [] : [`${relation}: columns ${changes.join(', ')}\n`]),
    ...(tests.length === 0 ? [] : [`${relation}: ${formatCounted(tests.length, 'data test')} over the whole table before it is published: ${tests.join(', ')}\n`]),
    ...(note === undefined ? [] : [`${relation}: ${note}\n`]),
  ];
}

function formatSample(io: Io, { relation, columns, rowsBefore, rowsAfter, added, removed, changed, rows, failingBefore, failingAfter }: SampleDifference): string {
  const before = rowsBefore === undefined ? 'new' : `${formatCounted(rowsBefore, 'row')} before`;
  const failing = failingBefore + failingAfter === 0 ? '' : `; input rows left out because they fail: ${formatCount(failingBefore)} before, ${formatCount(failingAfter)} now`;
  const head = `${paint(io, 'strong', relation)} on the sample: ${before}, ${formatCount(rowsAfter)} now: ${formatCount(added)} added, ${formatCount(removed)} removed, ${formatCount(changed)} changed${failing}\n`;
  if (rows.length === 0) return head;
  const different = rows.map((row) => ({
    ...(row.before === undefined ? {} : { expected: row.before }),
    ...(row.after === undefined ? {} : { actual: row.after }),
    ...(row.before !== undefined && row.after !== undefined ? { differs: row.before.map((value, i) => value !== row.after?.[i]) } : {}),
  }));
  return head + formatRowDifferences(io, columns, different);
}
