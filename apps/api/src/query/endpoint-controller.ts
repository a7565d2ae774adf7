import { Controller, Get, Inject, Req, Res, type Type } from '@nestjs/common';
import type { DescribedEndpoint } from '@ingot/endpoints';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../access.js';
import { QueryService } from './query.service.js';

/** A controller class of its own for each endpoint: Nest takes routes from classes. HEAD comes with GET. */
export function endpointController(endpoint: DescribedEndpoint): Type {
  @Controller(endpoint.path)
  class EndpointController {
    constructor(@Inject(QueryService) private readonly service: QueryService) {}

    @Access(endpoint.scope)
    @Get()
    async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      await this.service.respond(endpoint, request, reply);
    }
  }
  return EndpointController;
}
