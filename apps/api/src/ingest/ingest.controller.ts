import { Controller, HttpCode, Inject, Post, Req, Res, type Type } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../access.js';
import { principalOf } from '../principal.js';
import { linesOf } from './bodies.js';
import { readBatch } from './data-request.js';
import { IngestService, type IngestSource } from './ingest.service.js';

const SUCCESS = '{"success":true}';

/** The POST route of one source. */
export function ingestController({ relation, path }: IngestSource): Type {
  @Controller()
  class IngestController {
    constructor(@Inject(IngestService) private readonly ingest: IngestService) {}

    /** Text lines in; the answer is sent after COMMIT. */
    @Access('ingest')
    @Post(path)
    @HttpCode(200)
    @RouteConfig(linesOf(relation))
    async post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      const batch = readBatch(relation, request.query, request.raw, request.body as Buffer | undefined, this.ingest.lineLimits, principalOf(request).device);
      const { replayed } = await this.ingest.store(request, reply, relation, batch);
      if (replayed) void reply.header('idempotency-replayed', 'true');
      void reply.header('content-type', 'application/json; charset=utf-8').send(SUCCESS);
    }
  }
  return IngestController;
}
