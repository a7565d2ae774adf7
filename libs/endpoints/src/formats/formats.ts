import type { FormatName } from '../endpoint.js';
import type { Format } from './format.js';
import { arrowEncoder } from './arrow.js';
import { binaryCopy } from './binary-rows.js';
import { csvCopy, lineEnds } from './csv.js';
import { jsonCopy, jsonEncoder, ndjsonEncoder } from './json-rows.js';
import { parquetEncoder } from './parquet.js';

const json: Format = {
  name: 'json',
  contentType: 'application/json; charset=utf-8',
  extension: 'json',
  isText: true,
  compressible: true,
  download: false,
  copy: jsonCopy,
  encoder: jsonEncoder,
};

const ndjson: Format = {
  name: 'ndjson',
  contentType: 'application/x-ndjson',
  extension: 'ndjson',
  isText: true,
  compressible: true,
  download: false,
  copy: jsonCopy,
  encoder: ndjsonEncoder,
};

const csv: Format = {
  name: 'csv',
  contentType: 'text/csv; charset=utf-8; header=present',
  extension: 'csv',
  isText: true,
  compressible: true,
  download: true,
  copy: csvCopy,
  encoder: lineEnds,
};

const parquet: Format = {
  name: 'parquet',
  contentType: 'application/vnd.apache.parquet',
  extension: 'parquet',
  isText: false,
  compressible: false,
  download: true,
  copy: binaryCopy,
  encoder: parquetEncoder,
};

const arrow: Format = {
  name: 'arrow',
  contentType: 'application/vnd.apache.arrow.stream',
  extension: 'arrows',
  isText: false,
  compressible: true,
  download: true,
  copy: binaryCopy,
  encoder: arrowEncoder,
};

/**
 * Every format an endpoint can answer in.
 *
 * 1 M readings of a year, median of three, two cores, service and reader on the same machine (`npm run bench -- --only read`,
 * docs/benchmarks.md); speed against COPY of the same rows as text (0.91 s, 37 MB), size: json 0.54 (68 MB), ndjson 0.56
 * (67 MB), csv 0.50 (41 MB), parquet 0.50 (7 MB), arrow 0.77 (31 MB). Highest resident memory of the service: 213 MB for
 * json, 258 MB for parquet and arrow, libraries included.
 */
export const FORMATS: Readonly<Record<FormatName, Format>> = { json, ndjson, csv, parquet, arrow };
