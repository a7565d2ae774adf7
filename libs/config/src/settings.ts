import { IsIn, IsInt, IsNumber, IsOptional, IsString, Matches, Max, Min, MinLength } from 'class-validator';
import { LimitSettings } from './limit-settings.js';
import { DecimalNumber, WholeNumber } from './number-text.js';

/**
 * Every environment variable of the service, with its default, its bounds and the words the configuration table
 * shows. The property name is the variable's name. Durations carry their unit in the name.
 */
export class Settings extends LimitSettings {
  @IsString()
  @MinLength(1)
  HOST = '127.0.0.1';

  @IsInt()
  @Min(0)
  @Max(65535)
  @WholeNumber()
  PORT = 3000;

  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'must be a postgres:// URL' })
  DATABASE_URL?: string;

  /** The same database by a login that is a member of `ingot_ingest` and nothing else: what POST does. */
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'must be a postgres:// URL' })
  DATABASE_INGEST_URL?: string;

  /** Likewise of `ingot_read`: what the endpoints do. */
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'must be a postgres:// URL' })
  DATABASE_READ_URL?: string;

  /** Likewise of `ingot_run`: what runs and the pages of operators do. */
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'must be a postgres:// URL' })
  DATABASE_RUN_URL?: string;

  @IsString()
  @MinLength(1)
  INGOT_DATA_DIR = '.ingot';

  @IsString()
  @MinLength(1)
  INGOT_SQL_DIR = 'sql';

  @IsOptional()
  @IsIn(['auto', 'manual'])
  INGOT_APPLY?: 'auto' | 'manual';

  @IsOptional()
  @IsIn(['off', 'required'])
  INGOT_AUTH?: 'off' | 'required';

  /** How long what is known of a key is good: a revoked one is refused at most so much later. */
  @IsInt()
  @Min(1)
  @Max(300)
  @WholeNumber()
  INGOT_KEY_CACHE_SECONDS = 10;

  /** How long a key that was good stays good while the key table, or the keys of a token's issuer, cannot be reached. */
  @IsInt()
  @Min(0)
  @Max(86_400)
  @WholeNumber()
  INGOT_KEY_GRACE_SECONDS = 600;

  /** Wrong keys that one address may send in a minute. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  @WholeNumber()
  INGOT_AUTH_FAILURES_PER_MINUTE = 30;

  /** `public`: GET /metrics takes no key. */
  @IsIn(['protected', 'public'])
  INGOT_METRICS: 'protected' | 'public' = 'protected';

  /** Addresses and networks of the proxies before the service, whose X-Forwarded-For says who the client is. */
  @IsOptional()
  @Matches(/^[0-9a-fA-F.:]+(\/\d{1,3})?(\s*,\s*[0-9a-fA-F.:]+(\/\d{1,3})?)*$/, { message: 'must be addresses or networks with commas between them, e.g. 10.0.0.0/8,127.0.0.1' })
  INGOT_TRUST_PROXY?: string;

  /** Who signs the tokens that dashboards bring, as their `iss` says; unset: only keys are taken. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  INGOT_JWT_ISSUER?: string;

  /** What their `aud` must hold. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  INGOT_JWT_AUDIENCE?: string;

  /** The issuer's public keys: an https:// URL, or a file. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  INGOT_JWT_JWKS?: string;

  /** The claim with the scopes, as words or as a list. */
  @IsString()
  @MinLength(1)
  INGOT_JWT_SCOPE_CLAIM = 'scope';

  /** The claim with the device. */
  @IsString()
  @MinLength(1)
  INGOT_JWT_DEVICE_CLAIM = 'device';

  /** `api` takes lines and answers, and leaves the runs to other processes; `transform` only runs. */
  @IsIn(['all', 'api', 'transform'])
  INGOT_ROLE: 'all' | 'api' | 'transform' = 'all';

  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
  INGOT_LOG_LEVEL = 'info';

  /** How long a POST waits for its COMMIT before it answers 503. */
  @IsInt()
  @Min(100)
  @Max(600_000)
  @WholeNumber()
  INGOT_INGEST_DEADLINE_MS = 5_000;

  @IsInt()
  @Min(0)
  @Max(100)
  @WholeNumber()
  INGOT_READ_POOL_MIN = 2;

  @IsInt()
  @Min(1)
  @Max(100)
  @WholeNumber()
  INGOT_READ_POOL_MAX = 10;

  /** How long a read waits for a free connection before it answers 503. */
  @IsInt()
  @Min(10)
  @WholeNumber()
  INGOT_ACQUIRE_TIMEOUT_MS = 2_000;

  /** How long a read may hold its transaction: a statement slower than this is cut. */
  @IsInt()
  @Min(1)
  @Max(3_600)
  @WholeNumber()
  INGOT_READ_TX_SECONDS = 10;

  /** Where the part of an answer is kept that its client has not taken yet; default: the temporary folder of the system. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  INGOT_SPOOL_DIR?: string;

  /** A statement slower than this is logged as a warning, with its name. */
  @IsInt()
  @Min(1)
  @WholeNumber()
  INGOT_SLOW_QUERY_MS = 500;

  /** Bytes of results of at most a sixteenth of that each, kept in memory for equal requests until the next run; 0 = none. */
  @IsInt()
  @Min(0)
  @WholeNumber()
  INGOT_RESULT_CACHE_BYTES = 32 * 1024 * 1024;

  /** How long GET waits for acknowledged lines to be transformed; 0 = never. */
  @IsInt()
  @Min(0)
  @Max(60_000)
  @WholeNumber()
  INGOT_FRESHNESS_WAIT_MS = 1_000;

  /** How long a GET with `Prefer: wait=n` may wait instead. */
  @IsInt()
  @Min(0)
  @Max(600_000)
  @WholeNumber()
  INGOT_FRESHNESS_MAX_WAIT_MS = 10_000;

  /** Bronze rows that one run takes at most; one flush larger than this is taken whole. */
  @IsInt()
  @Min(1)
  @WholeNumber()
  INGOT_RUN_MAX_ROWS = 1_000_000;

  /** Days that finished runs stay in the run history. */
  @IsInt()
  @Min(1)
  @WholeNumber()
  INGOT_RUN_HISTORY_DAYS = 30;

  /** Where `ingot archive` writes; unset: `--to` says it. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  INGOT_ARCHIVE_DIR?: string;

  /** Free bytes on the disks of database and spool, as far as they can be seen, below which POST answers 507 and the service is not ready. */
  @IsInt()
  @Min(0)
  @WholeNumber()
  INGOT_MIN_FREE_DISK_BYTES = 256 * 1024 * 1024;

  /** `unsafe`: ready although a crash may lose acknowledged lines, e.g. with `fsync = off`. For tests and throw-away data. */
  @IsOptional()
  @IsIn(['unsafe'])
  INGOT_ALLOW_UNSAFE_DURABILITY?: 'unsafe';

  /** SIGTERM to exit: what is not finished by then is cut. */
  @IsInt()
  @Min(100)
  @Max(600_000)
  @WholeNumber()
  INGOT_SHUTDOWN_MS = 10_000;

  /** Where traces go by OTLP/HTTP, without `/v1/traces`; unset: nothing is traced. The names are OpenTelemetry's own. */
  @IsOptional()
  @Matches(/^https?:\/\/[^/?#]+(\/[^?#]*)?$/, { message: 'must be an http:// or https:// URL without a query' })
  OTEL_EXPORTER_OTLP_ENDPOINT?: string;

  /** Sent with them, e.g. a key: `name=value,name=value`, values percent-encoded. */
  @IsOptional()
  @Matches(/^\s*[\w-]+\s*=[^,]*(,\s*[\w-]+\s*=[^,]*)*$/, { message: 'must be name=value pairs with commas between them' })
  OTEL_EXPORTER_OTLP_HEADERS?: string;

  @IsString()
  @MinLength(1)
  OTEL_SERVICE_NAME = 'ingot';

  /** Which traces are kept; `parentbased_`: the caller decides where he has. */
  @IsIn(['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'])
  OTEL_TRACES_SAMPLER = 'parentbased_always_on';

  /** The share of traces that the `traceidratio` samplers keep. */
  @IsNumber()
  @Min(0)
  @Max(1)
  @DecimalNumber()
  OTEL_TRACES_SAMPLER_ARG = 1;
}
