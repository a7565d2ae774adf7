/** Where the process is between boot and exit; readiness follows it. */
export class Lifecycle {
  private phase: 'starting' | 'serving' | 'draining' = 'starting';

  get serving(): boolean {
    return this.phase === 'serving';
  }

  get draining(): boolean {
    return this.phase === 'draining';
  }

  get state(): string {
    return this.phase;
  }

  started(): void {
    if (this.phase === 'starting') this.phase = 'serving';
  }

  drain(): void {
    this.phase = 'draining';
  }
}
