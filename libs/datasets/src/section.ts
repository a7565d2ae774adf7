import { isAlias, isMap, isScalar, isSeq, parseDocument, type Node as YamlNode, type YAMLMap } from 'yaml';
import type { Place } from './dataset.js';
import { didYouMean } from './nearest-name.js';
import type { Problems } from './problem.js';
import { placeAt } from './text-position.js';

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

  /** A list of words as in `choice`. An element with settings, as in `- word: {...}`, is refused by name. */
  choices<T extends string>(key: string, words: readonly T[], later: readonly string[]): Located<T>[] {
    return this.elements(key).flatMap((node) => {
      const named = isMap(node) && node.items.length > 0 ? (node.items[0]!.key as YamlNode) : undefined;
      const found = this.textOf(key, named ?? node);
      if (found === undefined) return [];
      const value = words.find((word) => word === found.value);
      if (value !== undefined && named === undefined) return [{ value, place: found.place }];
      if (value !== undefined) this.problems.add(found.place, `${key}: settings of ${found.value} are not built yet`);
      else if (later.includes(found.value)) this.problems.add(found.place, `\`${key}: ${found.value}\` is not built yet; built are ${words.join(', ')}`);
      else this.problems.add(found.place, `${key} knows ${words.join(', ')}, not ${found.value}${didYouMean(found.value, [...words, ...later])}`);
      return [];
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

  /** A list of mappings. */
  sections(key: string): Section[] {
    return this.elements(key).flatMap((node) => this.sectionOf(key, node));
  }

  /** A mapping from names to mappings. */
  namedSections(key: string): { name: Located; section: Section }[] {
    return this.entries(key).flatMap(([name, node]) => this.sectionOf(`${key}.${name.value}`, node).map((section) => ({ name, section })));
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
   */
  finish(later: readonly string[] = []): void {
    for (const { key } of this.map.items) {
      const name = keyOf(key) ?? '';
      if (this.asked.has(name)) continue;
      const place = this.at(key as YamlNode);
      if (later.includes(name)) this.problems.add(place, `${name} is not built yet`);
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

function keyOf(key: unknown): string | undefined {
  if (isScalar(key)) return String(key.value);
  return typeof key === 'string' ? key : undefined;
}

function describe(node: YamlNode | null): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isAlias(node)) return 'an alias';
  if (!isScalar(node) || node.value === null) return 'empty';
  return typeof node.value === 'string' ? `the text ${JSON.stringify(node.value)}` : `the ${typeof node.value} ${JSON.stringify(node.value)}`;
}
