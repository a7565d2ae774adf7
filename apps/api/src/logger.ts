import { redactSecrets } from '@ingot/config';
import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/**
 * JSON lines on stdout. Headers that carry secrets are never written, whoever logs them, nor is what looks like a secret in any
 * other place: a URL with a password in the words of a driver's error, a key that was sent as a device's name.
 * @param fields further fields of each line, asked when it is written
 */
export function createLogger(level: string, fields?: () => object): Logger {
  return pino({
    level,
    mixin: fields,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    hooks: { streamWrite: redactSecrets },
    redact: ['req.headers.authorization', 'req.headers.cookie', 'req.headers["proxy-authorization"]', 'req.headers["x-api-key"]'],
  });
}

/**
 * Nest's own messages through the same lines. Its start-up chatter is debug, and so are its errors: each is thrown on as
 * well, and told by the boot in one clear line or by the errors filter with its request.
 */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log = (message: unknown, ...rest: unknown[]): void => this.logger.debug({ nest: rest.at(-1) }, String(message));
  debug = this.log;
  verbose = this.log;
  warn = (message: unknown, ...rest: unknown[]): void => this.logger.warn({ nest: rest.at(-1) }, String(message));
  error = this.log;
  fatal = this.error;
}
