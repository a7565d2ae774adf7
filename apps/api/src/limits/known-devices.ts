import { hashOfName } from './line-names.js';
import type { DeviceNames } from './name-ledger.js';

/** A device in memory: its names as hashes, 16 bytes each. */
export interface KnownDevice {
  readonly hashes: Set<number>;
  /** It has never sent a line, as far as anybody knows. */
  isNew: boolean;
  /** performance.now() when it was read from the ledger. */
  readonly loadedAt: number;
  /** In ticks of the guard; who was not seen for long is forgotten first. */
  usedAt: number;
}

/** Names held in memory, a device counting as 16: 20 MB at most. Others are read from the ledger when they come. */
const MOST_HELD = 1_000_000;
const DEVICE_WEIGHT = 16;

/** Devices that have been seen of late, and what is to be written to the ledger of them. */
export class KnownDevices {
  private readonly devices = new Map<string, KnownDevice>();
  private unsaved = new Map<string, Set<string>>();
  private ticks = 0;

  find(name: string): KnownDevice | undefined {
    const device = this.devices.get(name);
    if (device !== undefined) device.usedAt = this.ticks;
    return device;
  }

  /** @param stored undefined = the ledger does not hold it */
  remember(name: string, stored: DeviceNames | undefined): KnownDevice {
    const pending = this.unsaved.get(name);
    const hashes = new Set([...(stored?.names ?? []), ...(pending ?? [])].map(hashOfName));
    const device = { hashes, isNew: stored === undefined && pending === undefined, loadedAt: performance.now(), usedAt: this.ticks };
    this.devices.set(name, device);
    return device;
  }

  /** It is read from the ledger again when it comes next. */
  forget(name: string): void {
    this.devices.delete(name);
  }

  /** Names that are stored now, and wait for the ledger. */
  found(name: string, names: readonly string[]): void {
    const pending = this.unsaved.get(name) ?? new Set();
    for (const each of names) pending.add(each);
    this.unsaved.set(name, pending);
  }

  /** What the ledger lacks. Until it is settled the names stay known. */
  takeUnsaved(): DeviceNames[] {
    return [...this.unsaved].map(([device, names]) => ({ device, names: [...names] }));
  }

  /** The ledger holds these now. A device of which it has more was found by other processes too. */
  settle(saved: readonly DeviceNames[], counts: ReadonlyMap<string, number>): void {
    for (const { device, names } of saved) {
      const pending = this.unsaved.get(device);
      for (const name of names) pending?.delete(name);
      if (pending?.size === 0) this.unsaved.delete(device);
      const held = this.devices.get(device);
      if (held !== undefined && held.hashes.size < (counts.get(device) ?? 0)) this.devices.delete(device);
    }
  }

  tick(): void {
    this.ticks++;
    let held = 0;
    for (const { hashes } of this.devices.values()) held += hashes.size + DEVICE_WEIGHT;
    if (held <= MOST_HELD) return;
    for (const [name, { hashes }] of [...this.devices].sort(([, a], [, b]) => a.usedAt - b.usedAt)) {
      this.devices.delete(name);
      held -= hashes.size + DEVICE_WEIGHT;
      if (held <= MOST_HELD * 0.8) return;
    }
  }
}
