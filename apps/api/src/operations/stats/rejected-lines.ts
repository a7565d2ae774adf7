import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { rejections, type RejectedEvent } from '../../measuring-points.js';

/** What was refused of one source because of its lines. */
export interface Rejected {
  readonly requests: number;
  readonly lines: number;
  readonly lastAt: Date | null;
}

const NONE: Rejected = { requests: 0, lines: 0, lastAt: null };

/**
 * Counts lines that were refused since the process started. Nothing is stored of a refused request, so these numbers
 * end with the process, and another process has its own.
 */
@Injectable()
export class RejectedLines implements OnModuleDestroy {
  readonly since = new Date();
  private readonly counts = new Map<string, Rejected>();
  private readonly listener = (event: RejectedEvent): void => this.add(event);

  constructor() {
    rejections.subscribe(this.listener);
  }

  of(relation: string): Rejected {
    return this.counts.get(relation) ?? NONE;
  }

  onModuleDestroy(): void {
    rejections.unsubscribe(this.listener);
  }

  private add({ relation, totalErrors }: RejectedEvent): void {
    const { requests, lines } = this.of(relation);
    this.counts.set(relation, { requests: requests + 1, lines: lines + totalErrors, lastAt: new Date() });
  }
}
