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
  /** What goes that way is dropped while the other way works, on open connections too. */
  loses: Way | 'nothing';
  /** A connection passes on so many bytes of answers, counted from its first, and is then reset. */
  answerBytes: number;
  /** The faults reach connections only whose first bytes hold this text, e.g. an application_name. */
  only: string;
  close(): Promise<void>;
}

/** `requests` go to the server behind, `answers` come from it. */
export type Way = 'requests' | 'answers';

/**
 * Made for each connection, it is shown each piece before it is passed on, and says how many of its bytes are. Fewer
 * than all: the connection passes nothing more, and neither end hears of it, until it is reset.
 * @param reset ends the connection at both ends
 */
export type Watch = (reset: () => void) => (data: Buffer, way: Way) => number;

interface Link {
  passes: boolean;
  answered: number;
  /** The client's first bytes. */
  hello?: Buffer;
  readonly ends: readonly net.Socket[];
}

/**
 * @param url of the server behind, postgres:// or http://, with its port
 * @param watch is asked about each piece of each connection
 */
export async function openProxy(url: string, watch?: Watch): Promise<Proxy> {
  const target = new URL(url);
  const links = new Set<Link>();
  let accepted = 0;
  const isConcerned = ({ hello }: Link): boolean => proxy.only === '' || hello?.includes(proxy.only) === true;
  const concerned = (): Link[] => [...links].filter(isConcerned);

  const server = net.createServer((near) => {
    accepted++;
    const far = net.connect(Number(target.port), target.hostname);
    const link: Link = { passes: true, answered: 0, ends: [near, far] };
    links.add(link);
    const look = watch?.(() => reset(link));
    if (proxy.only === '') greet(link);
    near.once('data', (first) => {
      link.hello = first;
      if (proxy.only !== '' && isConcerned(link)) greet(link);
    });
    for (const [from, to, way] of [[near, far, 'requests'], [far, near, 'answers']] as const) {
      let queue = Promise.resolve();
      from.on('error', () => undefined);
      from.on('data', (chunk) => {
        if (!link.passes) return;
        const passed = look?.(chunk, way) ?? chunk.length;
        if (passed < chunk.length) {
          link.passes = false;
          if (passed > 0) to.write(chunk.subarray(0, passed));
          return;
        }
        if (!isConcerned(link)) void to.write(chunk);
        else if (proxy.loses === way) return;
        else if (way === 'answers' && link.answered + chunk.length > proxy.answerBytes) cutShort(link, chunk, to);
        else if (proxy.delayMs === 0 && proxy.sliceBytes === 0) void to.write(chunk);
        else queue = queue.then(() => passSlowly(chunk, to));
        if (way === 'answers') link.answered += chunk.length;
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
  /** The bytes leave before the reset does: a socket that is reset at once drops what it has not sent. */
  function cutShort(link: Link, chunk: Buffer, to: net.Socket): void {
    link.passes = false;
    to.write(chunk.subarray(0, Math.max(0, proxy.answerBytes - link.answered)), () => reset(link));
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
    loses: 'nothing',
    answerBytes: Infinity,
    only: '',
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const { ends } of links) for (const end of ends) end.destroy();
      await closed;
    },
  };
  return proxy;
}
