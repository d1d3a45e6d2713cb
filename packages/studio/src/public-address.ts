/** The address under which others open the page when a proxy stands in front of the server. */
import { isIP } from 'node:net';
import { fail } from './errors.ts';

/** Groups of addresses that have names: this computer, a cable's own, private networks. */
const NAMED_RANGES = ['loopback', 'linklocal', 'uniquelocal'];

export interface PublicAddress {
  /** As browsers open it, with a slash at its end. */
  readonly href: string;
  /** As browsers send it: scheme, host and, where it is not the usual one, port. */
  readonly origin: string;
  /** Host without port, IPv6 in brackets. */
  readonly hostname: string;
  /** What its paths begin with, without a slash at its end: `/adclick`, or nothing. */
  readonly prefix: string;
  /** Whether browsers come to it by HTTPS. */
  readonly isSecure: boolean;
}

const usage = (what: string) => fail('ADC_USAGE', { what, command: 'adclick serve' });

/** Reads the value of `--public-url`. @throws ADC_USAGE. */
export function publicAddress(text: string): PublicAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.search || url.hash)
    throw usage(`--public-url must be an address such as https://inspection.example/adclick/, not '${text}'`);
  const prefix = url.pathname.replace(/\/+$/, '');
  // A path that has to be written in another way is compared with difficulty, by proxies too.
  if (!/^(\/[\w.~-]+)*$/.test(prefix))
    throw usage(`the path of --public-url may have letters, digits and -._~ between slashes, not '${url.pathname}'`);
  const { origin, hostname, protocol } = url;
  return { href: `${origin}${prefix}/`, origin, hostname, prefix, isSecure: protocol === 'https:' };
}

/** Checks the values of `--trust-proxy`: addresses, networks such as 10.0.0.0/8, or named ranges. @throws ADC_USAGE. */
export function trustedProxies(values: readonly string[]): readonly string[] {
  for (const value of values) {
    const [address = '', bits, ...more] = value.split('/');
    const version = isIP(address);
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32));
    if (!NAMED_RANGES.includes(value) && (version === 0 || !fits || more.length > 0))
      throw usage(
        `--trust-proxy takes addresses, networks such as 10.0.0.0/8, or ${NAMED_RANGES.join(', ')}, not '${value}'`,
      );
  }
  return values;
}

/** Whom forwarded addresses are believed from with a public address, unless it is said: a proxy on this computer. */
export const DEFAULT_TRUST: readonly string[] = ['127.0.0.1', '::1'];
