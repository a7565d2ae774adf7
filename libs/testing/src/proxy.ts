import net from 'node:net';

/** A TCP proxy before a test server. */
export interface Proxy {
  /** The given URL, by way of the proxy. */
  readonly url: string;
  /** Connections that pass on what they get. */
  readonly alive: () => number;
  /**
   * From now on the open connections drop whatever they get, and neither end hears of it, not even that the other has
   * closed; new connections work.
   */
  swallow(): void;
  /** While true, new connections are accepted and nothing is passed on. */
  silent: boolean;
  close(): Promise<void>;
}

/** @param url postgres:// URL of the server behind */
export async function openProxy(url: string): Promise<Proxy> {
  const target = new URL(url);
  const links = new Set<{ passes: boolean; ends: net.Socket[] }>();
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port), target.hostname);
    const link = { passes: !proxy.silent, ends: [near, far] };
    links.add(link);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('error', () => undefined);
      from.on('data', (chunk) => link.passes && to.write(chunk));
      from.on('close', () => link.passes && (to.destroy(), links.delete(link)));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const via = new URL(url);
  via.hostname = '127.0.0.1';
  via.port = String((server.address() as net.AddressInfo).port);
  const proxy: Proxy = {
    url: via.toString(),
    alive: () => [...links].filter(({ passes }) => passes).length,
    swallow: () => links.forEach((link) => (link.passes = false)),
    silent: false,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const { ends } of links) for (const end of ends) end.destroy();
      await closed;
    },
  };
  return proxy;
}
