import { IsInt, IsString, Matches, Max, Min } from 'class-validator';
import { WholeNumber } from './number-text.js';

const DAY_SECONDS = 86_400;

/** How much one client may take of the service; docs/limits.md is their table. */
export class LimitSettings {
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

  /** Lines of one POST. */
  @IsInt()
  @Min(1)
  @Max(10_000_000)
  @WholeNumber()
  INGOT_MAX_LINES = 1_000_000;

  /** Bytes of one line, without its line end. */
  @IsInt()
  @Min(64)
  @Max(65_536)
  @WholeNumber()
  INGOT_MAX_LINE_BYTES = 4_096;

  /** How far a timestamp may lie ahead of the service's clock; 0 = any instant is taken. */
  @IsInt()
  @Min(0)
  @Max(100 * 366 * DAY_SECONDS)
  @WholeNumber()
  INGOT_MAX_FUTURE_SECONDS = 0;

  /** Different names that one device may send, ever; 0 = any number. */
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  @WholeNumber()
  INGOT_MAX_NAMES_PER_DEVICE = 10_000;

  /** Different devices that clients may name in X-Device-Id, ever; devices of keys are not refused. 0 = any number. */
  @IsInt()
  @Min(0)
  @Max(100_000_000)
  @WholeNumber()
  INGOT_MAX_DEVICES = 100_000;

  /** Lines a second that a key, or an address where there are no keys, may send on average; a key may have its own. 0 = any number. */
  @IsInt()
  @Min(0)
  @WholeNumber()
  INGOT_LINES_PER_SECOND = 0;

  /** Seconds' worth of lines that may be sent at once. */
  @IsInt()
  @Min(1)
  @Max(3_600)
  @WholeNumber()
  INGOT_QUOTA_BURST_SECONDS = 10;

  /** Decoded bytes that a key, or an address where there are no keys, may send in a UTC day; a key may have its own. 0 = any number. */
  @IsInt()
  @Min(0)
  @WholeNumber()
  INGOT_BYTES_PER_DAY = 0;

  /** Connections served at a time; further ones are answered 503, and beyond another tenth closed unanswered. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  @WholeNumber()
  INGOT_MAX_CONNECTIONS = 10_000;

  /** Requests of one connection before it is closed; 0 = any number. */
  @IsInt()
  @Min(0)
  @WholeNumber()
  INGOT_MAX_REQUESTS_PER_CONNECTION = 0;

  /** From the first byte, or from connecting, to the end of the headers. */
  @IsInt()
  @Min(1)
  @Max(3_600)
  @WholeNumber()
  INGOT_HEADERS_TIMEOUT_SECONDS = 10;

  /** From the first byte to the end of the body. */
  @IsInt()
  @Min(1)
  @Max(3_600)
  @WholeNumber()
  INGOT_REQUEST_TIMEOUT_SECONDS = 60;

  /** How long a connection may be idle between requests: above the usual 60 s of proxies, which must be the ones to close it. */
  @IsInt()
  @Min(1)
  @Max(3_600)
  @WholeNumber()
  INGOT_KEEP_ALIVE_SECONDS = 65;

  /** Bytes of request line and headers. */
  @IsInt()
  @Min(1_024)
  @Max(1_048_576)
  @WholeNumber()
  INGOT_MAX_HEADER_BYTES = 16_384;

  /** Answers above 512 KiB that may be under way at a time; a further one waits for INGOT_ACQUIRE_TIMEOUT_MS, then gets 503. */
  @IsInt()
  @Min(1)
  @Max(1_000)
  @WholeNumber()
  INGOT_LARGE_READS = 16;

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

  /** Origins whose pages may call the service from a browser, with commas between them; empty = none. */
  @IsString()
  @Matches(/^(https?:\/\/[^\s,/?#*@]+(\s*,\s*https?:\/\/[^\s,/?#*@]+)*)?$/, { message: 'must be origins such as https://dashboard.example.com, with commas between them' })
  INGOT_CORS_ORIGINS = '';
}
