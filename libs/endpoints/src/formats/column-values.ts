import type { ColumnBatch } from './binary-rows.js';
import { READ, type FixedKind } from './column-kind.js';

/** Values of one column of a batch, in order of its rows. */
abstract class Values<Value> implements ColumnBatch {
  private values: (Value | null)[] = [];

  add(bytes: Buffer, at: number, length: number): void {
    this.values.push(this.read(bytes, at, length));
  }

  addNull(): void {
    this.values.push(null);
  }

  /** The values since the last call. */
  take(): (Value | null)[] {
    const taken = this.values;
    this.values = [];
    return taken;
  }

  protected abstract read(bytes: Buffer, at: number, length: number): Value | null;
}

export class FixedValues extends Values<boolean | number | bigint> {
  protected readonly read: (typeof READ)[FixedKind];

  constructor(kind: FixedKind) {
    super();
    this.read = READ[kind];
  }
}

export class TextValues extends Values<string> {
  protected override read(bytes: Buffer, at: number, length: number): string {
    return bytes.toString('utf8', at, at + length);
  }
}
