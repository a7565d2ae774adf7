import { Controller, Get, Inject, Query } from '@nestjs/common';
import { datasetLineage, jsonDocument, LineageGraph, trace, UnknownNameError, type DatasetLineage, type Trace } from '@ingot/datasets';
import { endpointReaders } from '@ingot/endpoints';
import { Access } from '../../access.js';
import { Documented } from '../../documented.js';
import { Problem, wrongParameters } from '../../problem.js';
import { RECORDS, type Records } from '../records.js';
import { RequestPipe } from '../request-pipe.js';
import { LineageAnswer } from './lineage-answers.js';
import { LineageQuery } from './lineage-request.js';

/** What everything is made of, read from the parse trees: the documents of `ingot lineage --json`. */
@Controller('lineage')
export class LineageController {
  /** Files do not change while the process runs; parsing them again takes some ms for each. */
  private known: { lineages: readonly DatasetLineage[]; graph: LineageGraph } | undefined;

  constructor(@Inject(RECORDS) private readonly records: Records) {}

  @Documented({
    tag: 'Operations',
    summary: 'What a model or a column is made of, and what is made of it',
    query: LineageQuery,
    answers: { 200: { description: 'The whole graph, or what one name reaches.', body: LineageAnswer } },
    problems: ['invalid-parameter'],
  })
  @Access('read:all')
  @Get()
  lineage(@Query(RequestPipe) { name, direction }: LineageQuery): LineageAnswer {
    const { lineages, graph } = (this.known ??= this.read());
    if (name === undefined) {
      if (direction === undefined) return jsonDocument({ datasets: lineages });
      throw invalid('direction', 'needs a name');
    }
    return jsonDocument(find(graph, name, direction === undefined ? ['upstream', 'downstream'] : [direction]));
  }

  private read(): { lineages: readonly DatasetLineage[]; graph: LineageGraph } {
    const { datasets, endpoints } = this.records;
    const lineages = datasets.map((dataset) => datasetLineage(dataset, endpointReaders(endpoints.filter((endpoint) => endpoint.dataset === dataset.name))));
    return { lineages, graph: new LineageGraph(lineages.flatMap(({ nodes }) => nodes)) };
  }
}

function find(graph: LineageGraph, name: string, directions: readonly ('upstream' | 'downstream')[]): Trace {
  try {
    return trace(graph, name, directions);
  } catch (error) {
    throw error instanceof UnknownNameError ? invalid('name', error.message) : error;
  }
}

function invalid(parameter: string, detail: string): Problem {
  return wrongParameters([{ parameter, code: 'invalid', detail }]);
}
