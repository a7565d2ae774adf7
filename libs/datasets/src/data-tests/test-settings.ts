import type { Place } from '../dataset.js';
import type { Problems } from '../problem.js';
import type { Located, Section } from '../section.js';

/**
 * The settings of one data test. dbt writes some of them under `config:` and some under `arguments:`; they are the same
 * here, whichever of the three mappings holds them.
 */
export class TestSettings {
  private readonly sections: readonly Section[];

  /** @param place of the test's name: for what is missing */
  constructor(settings: Section | undefined, readonly place: Place, private readonly problems: Problems) {
    this.sections = settings === undefined ? [] : [settings, ...['arguments', 'config'].flatMap((key) => settings.section(key) ?? [])];
  }

  has(key: string): boolean {
    return this.holder(key) !== undefined;
  }

  placeOf(key: string): Place {
    return this.holder(key)?.placeOf(key) ?? this.place;
  }

  /** The mapping that holds a key; a key that two of them hold is a problem. */
  holder(key: string): Section | undefined {
    const [first, second] = this.sections.filter((section) => section.has(key));
    if (second !== undefined) this.problems.add(second.placeOf(key), `${key} is given twice`);
    return first;
  }

  text(key: string): Located | undefined {
    return this.holder(key)?.text(key);
  }

  /** As `text`; a missing key is a problem. */
  requiredText(key: string, what: string): Located | undefined {
    if (!this.has(key)) this.problems.add(this.place, `${key} is missing: ${what}`);
    return this.text(key);
  }

  /** A whole number from 0 on. */
  count(key: string): Located<number> | undefined {
    const number = this.holder(key)?.number(key);
    if (number === undefined || (Number.isSafeInteger(number.value) && number.value >= 0)) return number;
    this.problems.add(number.place, `${key} must be a whole number from 0 on, is ${number.value}`);
    return undefined;
  }

  finish(): void {
    for (const section of this.sections) section.finish();
  }
}
