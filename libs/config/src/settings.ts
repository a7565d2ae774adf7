import { Transform } from 'class-transformer';
import { IsIn, IsInt, IsNumber, IsOptional, IsString, Matches, Max, Min, MinLength } from 'class-validator';

/** Decimal digits only: Number('0x50') is 80 and Number('') is 0, which nobody who wrote that meant. */
const WholeNumber = () => Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value));

/** `0.25`, `1`: no sign, no exponent. */
const DecimalNumber = () => Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{0,15}\.?\d{1,15}$/.test(value) ? Number(value) : value));

/**
 * Every environment variable of the service, with its default, its bounds and the words the configuration table
 * shows. The property name is the variable's name. Durations carry their unit in the name.
 */
export class Settings {
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
  @IsIn(['off'], { message: "only 'off' is built so far; 'required' comes with API keys" })
  INGOT_AUTH?: 'off';

  /** `api` takes lines and answers, and leaves the runs to other processes; `transform` only runs. */
  @IsIn(['all', 'api', 'transform'])
  INGOT_ROLE: 'all' | 'api' | 'transform' = 'all';

  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
  INGOT_LOG_LEVEL = 'info';

  /** Decoded bytes of one POST body. */
  @IsInt()
  @Min(1024)
  @Max(1 << 30)
  @WholeNumber()
  INGOT_BODY_LIMIT_BYTES = 16 * 1024 * 1024;

  /** Decoded bytes of bodies that are arriving or wait for their COMMIT; beyond it POST answers 503. */
  @IsInt()
  @Min(1024)
  @WholeNumber()
  INGOT_QUEUE_LIMIT_BYTES = 64 * 1024 * 1024;

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

  /** Answers above 512 KiB that may be under way at a time; a further one waits for INGOT_ACQUIRE_TIMEOUT_MS, then gets 503. */
  @IsInt()
  @Min(1)
  @Max(1_000)
  @WholeNumber()
  INGOT_LARGE_READS = 16;

  /** Where the part of an answer is kept that its client has not taken yet; default: the temporary folder of the system. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  INGOT_SPOOL_DIR?: string;

  /** Bytes one answer may have there; beyond it the answer is cut. */
  @IsInt()
  @Min(1024 * 1024)
  @WholeNumber()
  INGOT_SPOOL_READ_BYTES = 1024 * 1024 * 1024;

  /** Bytes all answers together may have there. */
  @IsInt()
  @Min(1024 * 1024)
  @WholeNumber()
  INGOT_SPOOL_TOTAL_BYTES = 4 * 1024 * 1024 * 1024;

  /**
   * A client that takes nothing of its answer for so long is cut off. Seen from here, taking comes in leaps: over loopback
   * the kernel holds up to 4 MB and wants a third of it free first, so 100 kB/s looks like nothing for 13 s.
   */
  @IsInt()
  @Min(1)
  @Max(3_600)
  @WholeNumber()
  INGOT_STALLED_READER_SECONDS = 120;

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
