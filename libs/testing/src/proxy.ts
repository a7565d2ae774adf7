import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP proxy before a test server, and what it does to connections. All faults end when they are set back. */
export interface Proxy {
  /** The given URL, by way of the proxy. */
  readonly url: string;
  /** Connections that pass on what they get. */
  readonly alive: () => number;
  /** Connections that were made so far, refused ones too. */
  readonly accepted: () => number;
  /**
   * From now on the open connections drop whatever they get, and neither end hears of it, not even that the other has
   * closed; new connections work.
   */
  swallow(): void;
  /** Resets the open connections. */
  cut(): void;
  /** While true, new connections are accepted and nothing is passed on. */
  silent: boolean;
  /** So many new connections are reset at once. */
  refuse: number;
  /** Each piece is passed on so many milliseconds later. */
  delayMs: number;
  /** Each piece is passed on in slices of so many bytes, 0 = whole. */
  sliceBytes: number;
  /** The faults reach connections only whose first bytes hold this text, e.g. an application_name. */
  only: string;
  close(): Promise<void>;
}

interface Link {
  passes: boolean;
  /** The client's first bytes. */
  hello?: Buffer;
  readonly ends: readonly net.Socket[];
}

/** @param url postgres:// URL of the server behind */
export async function openProxy(url: string): Promise<Proxy> {
  const target = new URL(url);
  const links = new Set<Link>();
  let accepted = 0;
  const isConcerned = ({ hello }: Link): boolean => proxy.only === '' || hello?.includes(proxy.only) === true;
  const concerned = (): Link[] => [...links].filter(isConcerned);

  const server = net.createServer((near) => {
    accepted++;
    const far = net.connect(Number(target.port), target.hostname);
    const link: Link = { passes: true, ends: [near, far] };
    links.add(link);
    if (proxy.only === '') greet(link);
    near.once('data', (first) => {
      link.hello = first;
      if (proxy.only !== '' && isConcerned(link)) greet(link);
    });
    for (const [from, to] of [[near, far], [far, near]] as const) {
      let queue = Promise.resolve();
      from.on('error', () => undefined);
      from.on('data', (chunk) => {
        if (!link.passes) return;
        if (!isConcerned(link) || (proxy.delayMs === 0 && proxy.sliceBytes === 0)) void to.write(chunk);
        else queue = queue.then(() => passSlowly(chunk, to));
      });
      from.on('close', () => void queue.then(() => link.passes && (to.destroy(), links.delete(link))));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  /** What happens to a connection as soon as it is known to be concerned. */
  function greet(link: Link): void {
    if (proxy.silent) link.passes = false;
    if (proxy.refuse === 0) return;
    proxy.refuse--;
    reset(link);
  }
  function reset(link: Link): void {
    links.delete(link);
    link.passes = false;
    for (const end of link.ends) end.resetAndDestroy();
  }
  async function passSlowly(chunk: Buffer, to: net.Socket): Promise<void> {
    const size = proxy.sliceBytes === 0 ? chunk.length : proxy.sliceBytes;
    if (proxy.delayMs > 0) await sleep(proxy.delayMs);
    for (let start = 0; start < chunk.length && !to.destroyed; start += size) {
      to.write(chunk.subarray(start, start + size));
      if (proxy.sliceBytes > 0) await new Promise(setImmediate); // a packet of its own
    }
  }

  const via = new URL(url);
  via.hostname = '127.0.0.1';
  via.port = String((server.address() as net.AddressInfo).port);
  const proxy: Proxy = {
    url: via.toString(),
    alive: () => [...links].filter(({ passes }) => passes).length,
    accepted: () => accepted,
    swallow: () => concerned().forEach((link) => (link.passes = false)),
    cut: () => concerned().forEach(reset),
    silent: false,
    refuse: 0,
    delayMs: 0,
    sliceBytes: 0,
    only: '',
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const { ends } of links) for (const end of ends) end.destroy();
      await closed;
    },
  };
  return proxy;
}
