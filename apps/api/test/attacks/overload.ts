import type { Socket } from 'node:net';
import { connectTo } from './raw-http.js';

/** Posts that leave at their appointed time, whether or not earlier ones have been answered. */
export interface OverloadOrder {
  /** Infinity = each connection posts again when it has its answer: the most that the service takes. */
  readonly perSecond: number;
  readonly seconds: number;
  /** A post whose time has come when all of them wait for an answer is not sent, and counted as such. */
  readonly connections: number;
  readonly body: string;
}

export interface OverloadResult {
  readonly stored: number;
  readonly storedPerSecond: number;
  /** 503 and 429. */
  readonly refused: number;
  /** No connection was free. */
  readonly unsent: number;
  /** Any other answer, or a connection that broke. */
  readonly failed: number;
  /** Of stored and of refused posts, from sending to the answer; 0 where there are none. */
  readonly storedMs: Percentiles;
  readonly refusedMs: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Speaks just enough HTTP to cost less than what it loads: one write a request, and an answer is looked at by its first bytes. */
export async function overload(url: string, { perSecond, seconds, connections, body }: OverloadOrder): Promise<OverloadResult> {
  const bytes = Buffer.from(`POST /data HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const [stored, refused]: [number[], number[]] = [[], []];
  let failed = 0;
  let unsent = 0;
  let over = false;
  const free: (() => void)[] = [];
  const sockets = new Set<Socket>();

  const open = (): void => {
    const socket = connectTo(url).setNoDelay(true);
    sockets.add(socket);
    let sentAt = -1;
    const send = (): void => {
      sentAt = performance.now();
      socket.write(bytes);
    };
    const ready = (): void => {
      if (over) return;
      if (perSecond === Infinity) send();
      else free.push(send);
    };
    let answer = '';
    socket.once('connect', ready);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (!isWhole(answer)) return;
      const status = answer.slice(9, 12);
      answer = '';
      const took = performance.now() - sentAt;
      sentAt = -1;
      if (status === '200') stored.push(took);
      else if (status === '503' || status === '429') refused.push(took);
      else failed++;
      ready();
    });
    socket.once('close', () => {
      sockets.delete(socket);
      const at = free.indexOf(send);
      if (at !== -1) free.splice(at, 1);
      if (sentAt >= 0) failed++;
      if (!over) setTimeout(open, 10);
    });
  };
  for (let i = 0; i < connections; i++) open();

  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < seconds * 1_000) {
    const due = perSecond === Infinity ? 0 : Math.floor(((performance.now() - start) / 1_000) * perSecond);
    for (; sent < due; sent++) {
      const send = free.shift();
      if (send === undefined) unsent++;
      else send();
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  over = true;
  const elapsed = (performance.now() - start) / 1_000;
  const storedPerSecond = stored.length / elapsed;
  for (const socket of sockets) socket.destroy();
  return { stored: stored.length, storedPerSecond, refused: refused.length, unsent, failed, storedMs: percentiles(stored), refusedMs: percentiles(refused) };
}

/** Answers of the service to a POST have a length, and no chunks. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n');
  return head !== -1 && answer.length >= head + 4 + Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0);
}

function percentiles(values: number[]): Percentiles {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
