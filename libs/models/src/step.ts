import type { Model, Strategy } from '@ingot/datasets';
import type { RowWise } from './strategies/row-wise/row-wise-plan.js';

/** What a run does to one model. A plan is data: the same for every run of the same files. */
export interface Step {
  readonly model: Model;
  readonly strategy: Strategy | 'table';
  /** Columns of the model's table without `_run_id`, in order. */
  readonly columns: readonly string[];
  /** Takes the increment first, for a model that reads more than it: a plan for several relations needs the planner's
   * free choice, which reading an increment by BRIN does not leave it. */
  readonly staged?: TemporaryTable;
  /** For delete+insert: the touched keys. */
  readonly touched?: TemporaryTable;
  /** Columns of rows that the run removed or wrote, for the models that are computed anew by them. */
  readonly changed?: TemporaryTable;
  /** Takes the result of the SELECT first: that of a table, and of an accumulate model whose children go by what it accumulates. */
  readonly computed?: TemporaryTable;
  /** For delete+insert: of its increment inputs that keep months, the column whose months they are. */
  readonly months?: ReadonlyMap<string, string>;
  /** For a table: what it depends on. */
  readonly inputs?: TableInputs;
  /** For append and merge. */
  readonly rowWise?: RowWise;
}

/** A table of the session's own, emptied by every commit. */
export interface TemporaryTable {
  /** As it stands in SQL. */
  readonly name: string;
  readonly columns: readonly string[];
  /** Where the types of its columns come from. */
  readonly like: { readonly relation: string; readonly columns: readonly string[] };
}

/** What a `table` model depends on. */
export interface TableInputs {
  /** Tables and bronze tables behind its SELECT, views expanded. */
  readonly tables: readonly string[];
  /** True when equal inputs always give an equal result, and no run can miss that one of them has changed. */
  readonly isSteady: boolean;
}
