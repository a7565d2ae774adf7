import { isMap, isScalar, isSeq, parseDocument, type Node as YamlNode, type YAMLMap } from 'yaml';
import type { Place } from './dataset.js';
import { didYouMean } from './nearest-name.js';
import type { Problems } from './problem.js';
import { placeAt } from './text-position.js';
import { describe, keyOf } from './yaml-node.js';

/** A value of a YAML file or header together with where it stands. */
export interface Located<T = string> {
  readonly value: T;
  readonly place: Place;
}

/** A piece of YAML inside a file: the whole file, or the header comment of an SQL file. */
export interface YamlText {
  readonly file: string;
  readonly fileText: string;
  readonly yaml: string;
  /** Where `yaml` starts in `fileText`. */
  readonly offset: number;
}

/**
 * Reads the keys of one YAML mapping. Each getter reports a value of the wrong type and answers as if the key were
 * absent; `finish` reports every key that nobody asked for.
 */
export class Section {
  private readonly asked = new Set<string>();

  private constructor(private readonly map: YAMLMap, private readonly source: YamlText, private readonly problems: Problems) {}

  /** The mapping at the top of a YAML text; undefined, with the problems reported, when it is none. */
  static read(source: YamlText, problems: Problems): Section | undefined {
    const document = parseDocument(source.yaml, { prettyErrors: false, strict: true, uniqueKeys: true, stringKeys: true });
    const at = (index: number): Place => placeAt(source.file, source.fileText, source.offset + index);
    for (const error of [...document.errors, ...document.warnings]) problems.add(at(error.pos[0]), `not valid YAML: ${error.message}`);
    if (document.errors.length > 0) return undefined;
    if (isMap(document.contents)) return new Section(document.contents, source, problems);
    problems.add(at(document.contents?.range?.[0] ?? 0), 'must be YAML of the form `key: value`');
    return undefined;
  }

  has(key: string): boolean {
    return this.node(key) !== undefined;
  }

  /** Where the key stands; the start of the mapping when it is absent. */
  placeOf(key: string): Place {
    const pair = this.map.items.find((item) => keyOf(item.key) === key);
    return this.at((pair?.key ?? this.map) as YamlNode);
  }

  text(key: string): Located | undefined {
    const node = this.node(key);
    return node === undefined ? undefined : this.textOf(key, node);
  }

  /** As `text`; a missing key is a problem. */
  requiredText(key: string, what: string): Located | undefined {
    if (!this.has(key)) this.problems.add(this.at(this.map), `${key} is missing: ${what}`);
    return this.text(key);
  }

  flag(key: string): Located<boolean> | undefined {
    const node = this.node(key);
    if (node === undefined) return undefined;
    if (isScalar(node) && typeof node.value === 'boolean') return { value: node.value, place: this.at(node) };
    this.wrongType(key, node, 'true or false');
    return undefined;
  }

  number(key: string): Located<number> | undefined {
    const node = this.node(key);
    if (node === undefined) return undefined;
    if (isScalar(node) && typeof node.value === 'number') return { value: node.value, place: this.at(node) };
    this.wrongType(key, node, 'a number');
    return undefined;
  }

  /** One of some words. A word of `later` is part of the design but refused by name. */
  choice<T extends string>(key: string, words: readonly T[], later: readonly string[] = []): Located<T> | undefined {
    const found = this.text(key);
    if (found === undefined) return undefined;
    const value = words.find((word) => word === found.value);
    if (value !== undefined) return { value, place: found.place };
    if (later.includes(found.value)) this.problems.add(found.place, `\`${key}: ${found.value}\` is not built yet; built are ${words.join(', ')}`);
    else this.problems.add(found.place, `${key} must be one of ${words.join(', ')}, is ${found.value}${didYouMean(found.value, words)}`);
    return undefined;
  }

  /** A list of words, each alone or with settings: `- word` or `- word: { key: value }`. */
  wordsWithSettings(key: string): { name: Located; settings?: Section }[] {
    return this.elements(key).flatMap((node) => {
      if (!isMap(node) || node.items.length === 0) {
        const word = this.textOf(key, node);
        return word === undefined ? [] : [{ name: word }];
      }
      const [pair, ...more] = node.items;
      const name: Located = { value: keyOf(pair?.key) ?? '', place: this.at((pair?.key ?? node) as YamlNode) };
      if (more.length > 0) {
        this.problems.add(this.at(more[0]!.key as YamlNode), `${key}: the settings of ${name.value} belong one level deeper, under \`${name.value}:\``);
        return [];
      }
      const value = pair?.value as YamlNode | null | undefined;
      if (value === null || value === undefined || (isScalar(value) && value.value === null)) return [{ name }];
      return this.sectionOf(`${key}.${name.value}`, value).map((settings) => ({ name, settings }));
    });
  }

  /** A list of texts; a single text stands for a list of one. A text named twice is a problem. */
  texts(key: string): Located[] {
    return this.elements(key).flatMap((node, position, all) => {
      const found = this.textOf(key, node);
      if (found === undefined) return [];
      if (all.slice(0, position).some((earlier) => isScalar(earlier) && earlier.value === found.value)) {
        this.problems.add(found.place, `${key} names ${found.value} twice`);
        return [];
      }
      return [found];
    });
  }

  /** A list whose elements are texts or lists of texts: `[a, [b, c]]` gives [[a], [b, c]]. */
  textLists(key: string): Located[][] {
    return this.elements(key).map((node) => (isSeq(node) ? (node.items as YamlNode[]) : [node]).flatMap((item) => this.textOf(key, item) ?? []));
  }

  /** A mapping from texts to texts, in the order written. */
  textPairs(key: string): { name: Located; value: Located }[] {
    return this.entries(key).flatMap(([name, node]) => {
      const value = this.textOf(`${key}.${name.value}`, node);
      return value === undefined ? [] : [{ name, value }];
    });
  }

  /** A list of texts, numbers and flags; a single one stands for a list of one. */
  scalars(key: string): Located<string | number | boolean>[] {
    return this.elements(key).flatMap((node) => {
      const value = isScalar(node) ? node.value : undefined;
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [{ value, place: this.at(node) }];
      this.wrongType(key, node, 'text, a number or true or false');
      return [];
    });
  }

  /** A mapping. */
  section(key: string): Section | undefined {
    const node = this.node(key);
    return node === undefined ? undefined : this.sectionOf(key, node)[0];
  }

  isMapping(key: string): boolean {
    return isMap(this.node(key));
  }

  /** A list of mappings. */
  sections(key: string): Section[] {
    return this.elements(key).flatMap((node) => this.sectionOf(key, node));
  }

  /** A mapping from names to mappings. */
  namedSections(key: string): { name: Located; section: Section }[] {
    return this.entries(key).flatMap(([name, node]) => this.sectionOf(`${key}.${name.value}`, node).map((section) => ({ name, section })));
  }

  /** Every key with its node, for a mapping whose keys are the author's own, such as the columns of a row. */
  ownEntries(): { name: Located; node: YamlNode | null; place: Place }[] {
    return this.map.items.map(({ key, value }) => {
      const name = { value: keyOf(key) ?? '', place: this.at(key as YamlNode) };
      this.asked.add(name.value);
      return { name, node: (value ?? null) as YamlNode | null, place: value === null ? name.place : this.at(value as YamlNode) };
    });
  }

  /** The place of an index into a text, where the file holds the text as it is; else where the text begins. */
  placeWithin(key: string, index: number): Place {
    const node = this.node(key)!;
    const text = isScalar(node) ? String(node.value) : '';
    const start = node.range?.[0] ?? 0;
    const first = ['"', "'"].includes(this.source.yaml[start] ?? '') ? start + 1 : start;
    const asWritten = this.source.yaml.startsWith(text, first);
    return placeAt(this.source.file, this.source.fileText, this.source.offset + (asWritten ? first + index : start));
  }

  /** The value as plain JavaScript: for values of any type, such as defaults. */
  value(key: string): Located<unknown> | undefined {
    const node = this.node(key);
    if (node === undefined) return undefined;
    return { value: isScalar(node) ? node.value : (node.toJSON() as unknown), place: this.at(node) };
  }

  /**
   * Reports the keys nobody asked for, with the nearest known key.
   * @param later keys of the design that are refused by name
   * @param elsewhere keys that people look for here, and what to write instead
   */
  finish(later: readonly string[] = [], elsewhere: Readonly<Record<string, string>> = {}): void {
    for (const { key } of this.map.items) {
      const name = keyOf(key) ?? '';
      if (this.asked.has(name)) continue;
      const place = this.at(key as YamlNode);
      if (later.includes(name)) this.problems.add(place, `${name} is not built yet`);
      else if (Object.hasOwn(elsewhere, name)) this.problems.add(place, `unknown key ${name}; ${elsewhere[name]}`);
      else this.problems.add(place, `unknown key ${name}${didYouMean(name, this.asked) || `; known are ${[...this.asked].join(', ')}`}`);
    }
  }

  private node(key: string): YamlNode | undefined {
    this.asked.add(key);
    const value = this.map.items.find((item) => keyOf(item.key) === key)?.value as YamlNode | null | undefined;
    if (value === null || value === undefined || (isScalar(value) && value.value === null)) return undefined;
    return value;
  }

  private elements(key: string): YamlNode[] {
    const node = this.node(key);
    if (node === undefined) return [];
    return isSeq(node) ? (node.items as YamlNode[]) : [node];
  }

  private entries(key: string): [Located, YamlNode][] {
    const node = this.node(key);
    if (node === undefined) return [];
    if (isMap(node)) return node.items.map((item) => [{ value: keyOf(item.key) ?? '', place: this.at(item.key as YamlNode) }, item.value as YamlNode]);
    this.wrongType(key, node, 'a mapping `name: value`');
    return [];
  }

  private sectionOf(key: string, node: YamlNode): Section[] {
    if (isMap(node)) return [new Section(node, this.source, this.problems)];
    this.wrongType(key, node, 'a mapping `key: value`');
    return [];
  }

  private textOf(key: string, node: YamlNode): Located | undefined {
    if (isScalar(node) && typeof node.value === 'string') return { value: node.value, place: this.at(node) };
    this.wrongType(key, node, 'text');
    return undefined;
  }

  private wrongType(key: string, node: YamlNode | null, wanted: string): void {
    this.problems.add(node === null ? this.placeOf(key) : this.at(node), `${key} must be ${wanted}, is ${describe(node)}`);
  }

  private at(node: YamlNode): Place {
    return placeAt(this.source.file, this.source.fileText, this.source.offset + (node.range?.[0] ?? 0));
  }
}
