import type { RelationItem } from '../query-block.js';

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
