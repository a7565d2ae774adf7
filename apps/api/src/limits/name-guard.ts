import type { Admitted, AdmissibleLines } from '../admission.js';
import { Problem } from '../problem.js';
import { KnownDevices, type KnownDevice } from './known-devices.js';
import { unknownNames, type NamePlace } from './line-names.js';
import { tooManyNames } from './too-many-names.js';
import type { DeviceNames, NameLedger } from './name-ledger.js';

export interface NameGuardOptions {
  readonly ledger: NameLedger;
  /** 0 = any number. */
  readonly namesPerDevice: number;
  /** 0 = any number. */
  readonly devices: number;
  /** How long a request waits to hear what its device is known for. After that it is let through uncounted: a limit is no reason to refuse what can be stored. */
  readonly patienceMs: number;
}

/** Who is refused hears of a limit that was raised, or of rows that were deleted, after so long. */
const SECOND_LOOK_MS = 5_000;

/**
 * Keeps the number of different names of a device, and of devices, within bounds: each costs rows of every aggregate for ever, and
 * a client that writes a serial number into its names makes as many as it sends lines. A name is taken when its line is
 * stored, and known by hash in memory; what is new is added to a ledger behind the requests, so that it counts after a restart
 * and in other processes. After a crash names of the last seconds may count anew; two processes may each let in what was free.
 */
export class NameGuard {
  private readonly known = new KnownDevices();
  private readonly asked = new Map<string, ((device: KnownDevice | undefined) => void)[]>();
  private asking = false;
  private devices = 0;
  private countedAt = -Infinity;

  constructor(private readonly options: NameGuardOptions) {}

  /**
   * @param bound the device is that of a key: whoever made the key has decided that it may be
   * @throws Problem too-many-devices, invalid-lines
   */
  admit(relation: string, lines: AdmissibleLines, bound: boolean): Admitted | undefined | Promise<Admitted | undefined> {
    const device = this.known.find(lines.device);
    if (device !== undefined && !device.isNew) {
      const unknown = this.unknown(lines, device);
      if (unknown === undefined) return undefined;
      if (this.fits(device, unknown)) return this.take(lines, device, unknown);
    }
    return this.admitSlowly(relation, lines, bound);
  }

  /** Writes what is new to the ledger. */
  async save(): Promise<void> {
    const unsaved = this.known.takeUnsaved();
    if (unsaved.length > 0) this.known.settle(unsaved, await this.options.ledger.add(unsaved));
    this.known.tick();
    if (this.options.devices > 0 && (unsaved.length > 0 || this.countedAt < 0)) await this.count();
  }

  private async admitSlowly(relation: string, lines: AdmissibleLines, bound: boolean): Promise<Admitted | undefined> {
    const { namesPerDevice, devices: mostDevices } = this.options;
    let device = this.known.find(lines.device) ?? (await this.ask(lines.device));
    if (device === undefined) return undefined;
    if (device.isNew && !bound && mostDevices > 0 && this.devices >= mostDevices) {
      if (performance.now() - this.countedAt > SECOND_LOOK_MS) await this.count().catch(() => undefined);
      if (this.devices >= mostDevices) {
        const words = `${JSON.stringify(lines.device)} would be one device more than the ${mostDevices} there may be. Nothing was stored. Send X-Device-Id of a device that has sent lines before, or have INGOT_MAX_DEVICES raised.`;
        throw new Problem('too-many-devices', words);
      }
    }
    let unknown = this.unknown(lines, device) ?? [];
    if (!this.fits(device, unknown) && performance.now() - device.loadedAt > SECOND_LOOK_MS) {
      this.known.forget(lines.device);
      device = await this.ask(lines.device);
      if (device === undefined) return undefined;
      unknown = this.unknown(lines, device) ?? [];
    }
    if (!this.fits(device, unknown)) throw tooManyNames(relation, lines, unknown.slice(Math.max(0, namesPerDevice - device.hashes.size)), namesPerDevice);
    return unknown.length > 0 || device.isNew ? this.take(lines, device, unknown) : undefined;
  }

  private unknown({ body, ranges }: AdmissibleLines, { hashes }: KnownDevice): NamePlace[] | undefined {
    return this.options.namesPerDevice === 0 ? undefined : unknownNames(body, ranges, hashes);
  }

  private fits({ hashes }: KnownDevice, unknown: readonly NamePlace[]): boolean {
    return unknown.length === 0 || hashes.size + unknown.length <= this.options.namesPerDevice;
  }

  /** The names count from now on, so that requests at the same time do not each take the last that is free. */
  private take({ body, device: name }: AdmissibleLines, device: KnownDevice, unknown: readonly NamePlace[]): Admitted {
    for (const { hash } of unknown) device.hashes.add(hash);
    const wasNew = device.isNew;
    if (wasNew) this.devices++;
    device.isNew = false;
    const names = unknown.map(({ start, end }) => body.toString('latin1', start, end));
    return {
      stored: () => this.known.found(name, names),
      lost: () => {
        if (wasNew) this.devices--;
        this.known.forget(name);
      },
    };
  }

  private async count(): Promise<void> {
    this.devices = await this.options.ledger.countDevices();
    this.countedAt = performance.now();
  }

  /** Devices that are asked for in the same turn of the event loop, or while an answer is under way, share a question. */
  private ask(name: string): Promise<KnownDevice | undefined> {
    return new Promise((resolve) => {
      const waiting = this.asked.get(name);
      if (waiting === undefined) this.asked.set(name, [resolve]);
      else waiting.push(resolve);
      if (this.asking) return;
      this.asking = true;
      setImmediate(() => void this.answer());
    });
  }

  private async answer(): Promise<void> {
    while (this.asked.size > 0) {
      const asked = new Map(this.asked);
      this.asked.clear();
      const stored = await this.withPatience(this.options.ledger.of([...asked.keys()]));
      for (const [name, waiting] of asked) {
        const device = stored === undefined ? undefined : (this.known.find(name) ?? this.known.remember(name, stored.get(name)));
        for (const resolve of waiting) resolve(device);
      }
    }
    this.asking = false;
  }

  /** Undefined when the ledger cannot be asked, or not in time: the writer says what is wrong with the database. */
  private async withPatience(question: Promise<DeviceNames[]>): Promise<Map<string, DeviceNames> | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.options.patienceMs);
    });
    const answer = await Promise.race([question.catch(() => undefined), late]);
    clearTimeout(timer);
    return answer && new Map(answer.map((each) => [each.device, each]));
  }
}
