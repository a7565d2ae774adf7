import { Field, type JsonSchema } from '../documented.js';

const DATABASE = { type: 'string', enum: ['connected', 'disconnected'], description: 'Whether the database answered just now' };
const COUNT = { type: 'integer', minimum: 0 };

const INGEST: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['queueBytes', 'queueBatches', 'flushing', 'database'],
  properties: { queueBytes: COUNT, queueBatches: COUNT, flushing: COUNT, database: { type: 'string', enum: ['connected', 'disconnected'] } },
};
const DATASET: JsonSchema = { type: 'object', additionalProperties: false, required: ['applied'], properties: { applied: { type: 'boolean' }, stands_still: { type: 'string' } } };

const DURABILITY: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Whether an acknowledgement can be relied on. `unknown` before the database was first asked',
  required: ['state', 'reasons', 'checksums', 'disks'],
  properties: {
    state: { type: 'string', enum: ['safe', 'unsafe', 'unknown'] },
    reasons: { type: 'array', items: { type: 'string' }, description: 'Why it is not safe, and why nothing can be stored, one line each' },
    allowed: { const: 'unsafe', description: 'INGOT_ALLOW_UNSAFE_DURABILITY is set: the service is ready all the same' },
    checksums: { type: 'string', enum: ['on', 'off', 'unknown'], description: 'Whether pages carry checksums: for information' },
    disks: { type: 'object', description: 'By what they hold. That of a server that is not ours cannot be seen', additionalProperties: { type: 'string', enum: ['enough', 'low', 'unknown'] } },
  },
};

export class HealthBody {
  @Field({ type: 'string', enum: ['healthy', 'unhealthy'] }) status: string;
  @Field(DATABASE) database: string;
  @Field({ type: 'string', description: 'The release of the service', varies: true, examples: ['0.1.0'] }) version: string;
  @Field({ type: 'array', items: { type: 'string' }, description: 'What makes acknowledgements unsafe', varies: true, examples: [[]] }) warnings: string[];
  @Field({ type: 'integer', minimum: 0, description: 'Seconds since the start of the process', varies: true, examples: [86_400] }) uptime_seconds: number;
}

export class LiveBody {
  @Field({ const: 'alive' }) status: string;
}

export class ReadyBody {
  @Field({ type: 'string', enum: ['ready', 'not ready'] }) status: string;
  @Field({ type: 'string', enum: ['starting', 'serving', 'draining'] }) process: string;
  @Field(DATABASE) database: string;
  // What the server is like, not what the release does: an example of it, not the one that ran.
  @Field({ ...DURABILITY, varies: true, examples: [{ state: 'safe', reasons: [], checksums: 'on', disks: { database: 'unknown', spool: 'enough' } }] }) durability: Record<string, unknown>;
  @Field({ type: 'object', description: 'By bronze table: what waits to be stored', additionalProperties: INGEST }) ingest: Record<string, unknown>;
  @Field({ type: 'object', description: 'By dataset: whether its files are applied, and why its runs stand still when they do', additionalProperties: DATASET }) datasets: Record<string, unknown>;
}
